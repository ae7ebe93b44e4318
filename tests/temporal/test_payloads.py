"""Payload keys: their format, rotation, what a lost key does, and that nothing is paid without."""

import base64
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from docmill.errors import PayloadKeyError, UsageError
from docmill.settings import Settings, load_settings
from docmill.temporal.payloads import (
    NONCE_BYTES,
    PLAIN,
    PayloadCipher,
    data_converter,
    encrypting,
    payload_cipher,
)

OLD = "old:" + base64.b64encode(bytes(32)).decode()
NEW = "2026-11:" + base64.urlsafe_b64encode(bytes([255] * 32)).decode()


def converter_with(*keys: str) -> DataConverter:
    return encrypting(PayloadCipher(",".join(keys)))


def test_process_without_keys_has_no_codec() -> None:
    assert data_converter(Settings()) is PLAIN
    assert PLAIN.payload_codec is None


async def test_payload_is_unreadable_without_its_key_and_readable_with_it() -> None:
    written = await converter_with(NEW).encode(["canary"])
    assert b"canary" not in written[0].SerializeToString()
    assert written[0].metadata["encoding"] == b"binary/encrypted"
    assert written[0].metadata["encryption-key-id"] == b"2026-11"
    assert await converter_with(NEW).decode(written) == ["canary"]
    for other in (converter_with(OLD), PLAIN):
        with pytest.raises(PayloadKeyError, match="2026-11"):
            await other.decode(written)


async def test_equal_payloads_are_encrypted_differently() -> None:
    cipher = PayloadCipher(NEW)
    first, second = await encrypting(cipher).encode(["same", "same"])
    assert first.data[:NONCE_BYTES] != second.data[:NONCE_BYTES]
    assert first.data[NONCE_BYTES:] != second.data[NONCE_BYTES:]


async def test_keys_are_rotated_without_a_moment_in_which_one_is_missing() -> None:
    before, during, after = converter_with(OLD), converter_with(OLD, NEW), converter_with(NEW, OLD)
    for writer in (before, during, after):
        written = await writer.encode(["canary"])
        for reader in (during, after):
            assert await reader.decode(written) == ["canary"]
    key_id = (await after.encode(["canary"]))[0].metadata["encryption-key-id"]
    assert key_id == b"2026-11"


async def test_plain_payload_is_read_with_keys() -> None:
    assert await converter_with(NEW).decode(await PLAIN.encode([{"a": 1}])) == [{"a": 1}]


@pytest.mark.parametrize("position", [0, NONCE_BYTES, -1])
async def test_changed_payload_is_refused(position: int) -> None:
    converter = converter_with(NEW)
    written = await converter.encode(["canary"])
    changed = bytearray(written[0].data)
    changed[position] ^= 1
    written[0].data = bytes(changed)
    with pytest.raises(PayloadKeyError, match="changed"):
        await converter.decode(written)
    written[0].data = b"short"
    with pytest.raises(PayloadKeyError, match="changed"):
        await converter.decode(written)


async def test_texts_of_failures_are_encrypted() -> None:
    converter = converter_with(NEW)
    failure = Failure()
    error = ApplicationError("canary-message", "canary-detail")
    error.__cause__ = ValueError("canary-cause")
    await converter.encode_failure(error, failure)
    assert b"canary" not in failure.SerializeToString()
    read = await converter.decode_failure(failure)
    assert isinstance(read, ApplicationError)
    assert (read.message, read.details) == ("canary-message", ("canary-detail",))
    assert isinstance(read.cause, ApplicationError)
    assert read.cause.message == "canary-cause"


@pytest.mark.parametrize(
    "keys",
    [
        "canary",
        "k1:",
        "k1:Y2FuYXJ5",
        "no space:" + OLD.partition(":")[2],
        ":" + OLD.partition(":")[2],
        "k" * 65 + ":" + OLD.partition(":")[2],
        f"{OLD},{OLD}",
        f"{NEW},k1:canary",
        ",",
    ],
)
def test_invalid_keys_are_refused_without_repeating_them(keys: str) -> None:
    with pytest.raises(UsageError, match="key") as refused:
        PayloadCipher(keys)
    assert "canary" not in f"{refused.value}{refused.value.hint}"
    assert "Y2FuYXJ5" not in f"{refused.value}{refused.value.hint}"


def test_keys_come_from_a_secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "payload-keys").write_text(f"{NEW}\n{OLD}\n")
    monkeypatch.setenv("DOCMILL_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("DOCMILL_PAYLOAD_KEYS", "secret:payload-keys")
    cipher = payload_cipher(load_settings())
    assert cipher is not None
    assert cipher.key_ids == ("2026-11", "old")


@pytest.mark.integration
def test_keys_come_from_a_command() -> None:
    program = f"print({NEW!r}); print({OLD!r})"
    cipher = payload_cipher(Settings(payload_keys_command=f"{sys.executable} -c {program!r}"))
    assert cipher is not None
    assert cipher.key_ids == ("2026-11", "old")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/nowhere/keys", "No such file"),
        ("unclosed 'quote", "not a command line"),
        (f"{sys.executable} -c 'print(\"canary\"); raise SystemExit(3)'", "exit code 3"),
        (f"{sys.executable} -c 'print(\"canary\")'", "base64"),
        (f"{sys.executable} -c pass", "no payload key"),
    ],
)
def test_failed_command_is_refused_without_repeating_its_output(command: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refused:
        data_converter(Settings(payload_keys_command=command))
    assert "canary" not in f"{refused.value}{refused.value.hint}"


def test_keys_given_twice_are_refused() -> None:
    settings = Settings(payload_keys=SecretStr(OLD), payload_keys_command="true")
    with pytest.raises(UsageError, match="both"):
        data_converter(settings)
