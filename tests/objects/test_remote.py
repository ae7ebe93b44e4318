"""Remote stores: unavailable, rejected, and without secrets in their errors."""

import pytest

from docmill.errors import UnavailableError
from docmill.objects.buckets import detail
from docmill.objects.open import open_store


async def test_unreachable_store_is_reported_unavailable_soon(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    store = open_store(s3_url)
    with pytest.raises(UnavailableError) as away:
        await store.get_bytes("a")
    assert s3_url in away.value.message
    assert "test-secret" not in away.value.message


async def test_missing_bucket_fails_the_ping(s3_url: str) -> None:
    with pytest.raises(UnavailableError):
        await open_store("s3://no-such-bucket/x").ping()


def test_error_text_contains_no_credential() -> None:
    shown = detail(ValueError("GET https://a.example/b?sig=abc%2F&se=1 failed, token: hunter2 x"))
    assert shown == "GET https://a.example/b… failed, … x"
