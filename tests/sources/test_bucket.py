"""Buckets as sources: what is listed, how objects are read, and what errors say."""

import hashlib
import http.client
import json
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from docmill.contracts.scans import RUN_FILE, LeftOut, ScannedEntry
from docmill.errors import FailureClass, ItemFailure, Retry, UnavailableError, UsageError
from docmill.objects.local import LocalStore
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl, is_plain_path
from docmill.sources.bucket import BucketSource
from docmill.sources.choice import source_of
from docmill.sources.documents import OpenedDocument, open_document
from tests.fixtures.listings import listing_server
from tests.sources.test_reading import Item

pytestmark = pytest.mark.integration


@pytest.fixture
def url(s3_url: str) -> BucketUrl:
    return BucketUrl.parse(s3_url)


@pytest.fixture
def put(s3_endpoint: str, url: BucketUrl) -> Callable[..., None]:
    """Put objects below the URL, under keys that the library refuses to write, too."""

    def put(*paths: str, data: bytes = b"text", below: BucketUrl = url) -> None:
        for path in paths:
            if is_plain_path(path):
                open_bucket(below).put_bytes(path, data, "text/plain")
                continue
            connection = http.client.HTTPConnection(urlsplit(s3_endpoint).netloc)
            key = quote(below.key(path), safe="/")
            connection.request("PUT", f"/{url.bucket}/{key}", data)
            assert connection.getresponse().status == 200
            connection.close()

    return put


def entries_of(source: BucketSource, left_out: LeftOut | None = None) -> list[ScannedEntry]:
    return [entry for chunk in source.scan(left_out) for entry in chunk]


def listed(url: BucketUrl, **options: Any) -> list[str]:
    return [entry.unique_id for entry in entries_of(BucketSource.resolve(url, **options))]


def test_objects_below_the_prefix_are_listed(url: BucketUrl, put: Callable[..., None]) -> None:
    odd = ["100%.txt", "a b#?&+.txt", "ü/é.txt", "%20.txt", "q/a\\b.txt", "end~12345678"]
    put(*odd, "a.txt", "a/z.txt")
    put("folder/", "empty/", data=b"")

    found = {entry.raw_path.decode(): entry for entry in entries_of(BucketSource.resolve(url))}

    assert found.keys() == {*odd, "a.txt", "a/z.txt"}
    assert (found["ü/é.txt"].display_name, found["ü/é.txt"].size) == ("é.txt", 4)
    assert found["end~12345678"].unique_id != "end~12345678"
    neighbour = BucketUrl(url.scheme, url.bucket, url.prefix[:-1])
    assert listed(neighbour) == []


def test_hidden_names_litter_and_results_are_left_out(
    url: BucketUrl, put: Callable[..., None]
) -> None:
    put("a.txt", ".hidden", ".git/config", ".git/objects/1", "~$a.docx", "__MACOSX/._a.txt")
    put(f"done/{RUN_FILE}", "done/(1).txt.json", "done/a.txt.json", "done/sub/b.txt.json")
    left_out = LeftOut()

    found = entries_of(BucketSource.resolve(url), left_out)

    assert [entry.unique_id for entry in found] == ["a.txt"]
    assert left_out.as_json() == {
        "hidden": {"count": 2, "names": [".git/", ".hidden"]},
        "litter": {"count": 2, "names": ["__MACOSX/", "~$a.docx"]},
        "output": {"count": 1, "names": ["done/"]},
    }


def test_filters_hold_as_in_a_folder(url: BucketUrl, put: Callable[..., None]) -> None:
    put("a.pdf", "b.txt", "old/c.pdf", "new/d.PDF", "new/out/e.pdf")
    assert listed(url, recursive=False) == ["a.pdf", "b.txt"]
    assert listed(url, include=("*.pdf",)) == ["a.pdf", "new/d.PDF", "new/out/e.pdf", "old/c.pdf"]
    assert listed(url, exclude=("old", "*.txt")) == ["a.pdf", "new/d.PDF", "new/out/e.pdf"]
    out = BucketUrl(url.scheme, url.bucket, url.key("new/out"))
    assert "new/out/e.pdf" not in listed(url, leave_out=(out,))
    with pytest.raises(UsageError, match="at the same time"):
        BucketSource.resolve(url, leave_out=(url,))


def test_signature_changes_with_the_bytes_only(url: BucketUrl, put: Callable[..., None]) -> None:
    def signature() -> str:
        (entry,) = entries_of(BucketSource.resolve(url))
        return entry.signature

    put("a.txt", data=b"one")
    first = signature()
    put("a.txt", data=b"one")
    same = signature()
    put("a.txt", data=b"two")

    assert first == same
    assert signature() != first


def test_stored_source_has_no_credentials(url: BucketUrl) -> None:
    source = BucketSource.resolve(url, include=("*.pdf",))
    assert source_of(source.as_json()) == source
    assert "test" not in json.dumps(source.as_json())


def test_100_000_keys_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with listing_server(100_000) as server:
        source = _elsewhere(server.endpoint, monkeypatch)
        count, last, read_ahead = 0, "", 0
        for page, chunk in enumerate(source.scan(), start=1):
            assert len(chunk) <= 1000
            assert last < chunk[0].unique_id <= chunk[-1].unique_id
            count, last = count + len(chunk), chunk[-1].unique_id
            read_ahead = max(read_ahead, server.requests - page)

    assert (count, last) == (100_000, "0099/099999.txt")
    assert read_ahead <= 1


def _elsewhere(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> BucketSource:
    """A source at another endpoint."""
    for name, value in {
        "AWS_ENDPOINT": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return BucketSource.resolve(BucketUrl("s3", f"bucket-{uuid.uuid4()}", "x"))


# -- errors -------------------------------------------------------------------------------


def test_missing_bucket_is_named(s3_url: str) -> None:
    with pytest.raises(UsageError, match=r"no bucket no-such-bucket"):
        entries_of(BucketSource.resolve(BucketUrl.parse("s3://no-such-bucket/x")))


@pytest.mark.parametrize("whole", [False, True])
def test_keys_that_cannot_be_read_are_left_out_by_name(
    url: BucketUrl, put: Callable[..., None], *, whole: bool
) -> None:
    odd = ["..", "b//c.txt", "/d.txt", "e/../f.txt", "g/.", "h\x01i.txt", "j\t.txt", "k\x7f", "l/"]
    good = ["a.txt", "b/c.txt", "d+ü &.txt", "m.txt", "z/z.txt"]
    below = BucketUrl(url.scheme, url.bucket) if whole else url
    put(*good, *odd, below=below)
    put("empty/", "empty//", data=b"", below=below)
    left_out = LeftOut()

    found = entries_of(BucketSource.resolve(below), left_out)

    assert [entry.unique_id for entry in found] == good
    counted = (left_out.as_json() or {})["invalid_key"]
    assert (counted["count"], set(counted["names"])) == (len(odd), set(odd))
    assert listed(below, exclude=("b*",), include=("*.txt",)) == [
        path for path in good if not path.startswith("b")
    ]


def test_anonymous_listing_leaves_odd_keys_out(
    url: BucketUrl, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.txt", "b//c.txt")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    open_bucket.cache_clear()
    assert listed(url) == ["a.txt"]


def test_listing_continues_after_the_last_page_without_an_odd_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listing_server(4500, odd=2100) as server:
        source, left_out = _elsewhere(server.endpoint, monkeypatch), LeftOut()
        paths = [entry.unique_id for entry in entries_of(source, left_out)]

    assert paths == sorted(set(paths))
    assert len(paths) == 4499
    assert left_out.as_json() == {"invalid_key": {"count": 1, "names": ["0002//002100.txt"]}}
    assert server.requests == 6


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("status", "code", "kind", "hint"),
    [
        (404, "NoSuchBucket", UsageError, "Check its name"),
        (403, "AccessDenied", UsageError, "list and get"),
        (403, "AuthorizationFailure", UsageError, "list and get"),
        (403, "InvalidAccessKeyId", UnavailableError, "Renew"),
        (400, "ExpiredToken", UnavailableError, "Renew"),
        (301, "PermanentRedirect", UsageError, "AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", UsageError, "AWS_REGION"),
        (418, "Teapot", UnavailableError, "endpoint"),
    ],
)
def test_error_says_what_to_do_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    kind: type[UsageError] | type[UnavailableError],
    hint: str,
    *,
    whole: bool,
) -> None:
    with listing_server(status=status, code=code) as server:
        source = _elsewhere(server.endpoint, monkeypatch)
        if whole:
            source = BucketSource.resolve(BucketUrl("s3", source.url.bucket))
        with pytest.raises(kind) as failed:
            entries_of(source)
    assert hint in failed.value.hint
    assert "secret" not in failed.value.message + failed.value.hint


def test_object_is_changed_on_a_service_without_conditional_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listing_server(status=404, code="NoSuchKey") as server:
        bucket = open_bucket(_elsewhere(server.endpoint, monkeypatch).url)
        bucket.change("lines", lambda known: b"new" if known is None else b"", "text/plain")
    assert server.stored == 1


def test_unreachable_bucket_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    source = _elsewhere("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(UnavailableError, match="returned an error"):
        entries_of(source)


@pytest.mark.parametrize(
    "text", ["s3://", "s3://a", "s3://key:secret@bucket/x", "s3://bucket/x?sig=1", "ftp://bucket/x"]
)
def test_url_with_options_or_without_a_bucket_is_rejected(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        BucketUrl.parse(text)
    assert "secret" not in refused.value.message


def test_url_is_normalized() -> None:
    assert str(BucketUrl.parse("s3://bucket//a b/ü/")) == "s3://bucket/a b/ü"
    assert BucketUrl.parse("gs://bucket").key("a.txt") == "a.txt"
    whole, inside = BucketUrl.parse("s3://bucket"), BucketUrl.parse("s3://bucket/a/b")
    assert inside.below(whole) == "a/b"
    assert inside.below(BucketUrl.parse("s3://bucket/a")) == "b"
    assert inside.below(BucketUrl.parse("s3://bucket/a/b/c")) is None
    assert BucketUrl.parse("s3://bucket/ab").below(BucketUrl.parse("s3://bucket/a")) is None


# -- reading ------------------------------------------------------------------------------


def item_of(url: BucketUrl) -> Item:
    source = BucketSource.resolve(url)
    (entry,) = entries_of(source)
    return Item(source=source.as_json(), source_path=entry.raw_path, signature=entry.signature)


def opened(item: Item, tmp_path: Path) -> AbstractAsyncContextManager[OpenedDocument]:
    return open_document(item, LocalStore(tmp_path / "objects"), tmp_path)


async def failure_of(item: Item, tmp_path: Path) -> ItemFailure:
    with pytest.raises(ItemFailure) as failed:
        async with opened(item, tmp_path):
            pass
    assert failed.value.phase == "read"
    assert not (tmp_path / "document").exists()
    return failed.value


async def test_object_is_read_into_the_private_folder_and_removed(
    url: BucketUrl, put: Callable[..., None], tmp_path: Path
) -> None:
    data = b"0123456789" * 300_000
    put("ü 100%.txt", data=data)
    async with opened(item_of(url), tmp_path) as document:
        assert document.path.parent == tmp_path
        assert document.sha256 == hashlib.sha256(data).hexdigest()
        await document.verify_unchanged()
    assert not document.path.exists()


async def test_changed_vanished_and_empty_objects_are_failures(
    url: BucketUrl, put: Callable[..., None], tmp_path: Path
) -> None:
    put("a.txt", data=b"one")
    item = item_of(url)
    put("a.txt", data=b"two")
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_CHANGED
    open_bucket(url).delete("a.txt")
    assert (await failure_of(item, tmp_path)).failure_class is FailureClass.SOURCE_VANISHED
    put("a.txt", data=b"")
    assert (await failure_of(item_of(url), tmp_path)).failure_class is FailureClass.EMPTY


async def test_denied_object_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listing_server(1) as server:
        item = item_of(_elsewhere(server.endpoint, monkeypatch).url)
    with listing_server(status=403, code="AccessDenied") as server:
        denied = _elsewhere(server.endpoint, monkeypatch)
        assert item.source is not None
        item = Item(
            source=item.source | {"bucket": denied.location},
            source_path=item.source_path,
            signature=item.signature,
        )
        failure = await failure_of(item, tmp_path)
    assert (failure.failure_class, failure.retry) == (FailureClass.STORAGE_ERROR, Retry.NEVER)
    assert "denied" in failure.message
