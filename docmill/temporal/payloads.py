"""The data converter of this process, and the encryption of Temporal payloads.

Payloads are what Temporal stores of workflows and activities: arguments, results, heartbeat
details, signals, updates, answers of queries, memos, summaries and details, and, with the failure
converter that is used here, messages and stack traces of failures. With keys in the settings they
are encrypted on their way out of the process, and decrypted on their way in; workflow code sees
plain values. Workflow and activity ids, types, task queues and search attributes are no payloads.

The format is that of Temporal's samples (https://github.com/temporalio/samples-python, folder
``encryption``), so that tools in other languages can read it: AES-GCM over the serialized payload,
after a nonce of 12 bytes.
"""

import base64
import binascii
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import structlog
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    EncodingPayloadConverter,
    PayloadCodec,
)

from docmill.errors import PayloadKeyError, UsageError, bounded
from docmill.settings import Settings

ENCODING = "binary/encrypted"
"""Value of the metadata field ``encoding`` of an encrypted payload."""
ENCODING_FIELD = "encoding"
KEY_ID_FIELD = "encryption-key-id"

KEY_BYTES = 32
NONCE_BYTES = 12
"""NIST SP 800-38D, 8.2: 96 random bits; a key may encrypt 2^32 payloads."""

COMMAND_SECONDS = 30.0
"""Time limit of the command that prints the keys."""

KEY_HINT = 'A key is ID:BASE64, as in `echo "k1:$(openssl rand -base64 32)"`.'

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = structlog.get_logger(__name__)


class PayloadCipher(PayloadCodec):
    """Encrypts payloads with the first of its keys, and decrypts them with the key that they name.

    Payloads that are not encrypted are read as they are: clients without keys may start batches.

    Attributes:
        key_ids: of the keys; the first one encrypts.
    """

    def __init__(self, keys: str) -> None:
        """Read the keys.

        Args:
            keys: ``ID:BASE64`` each, separated by commas or white space.

        Raises:
            UsageError: a key has an invalid format, an id occurs twice, or there is none.
        """
        # Imported late: a process without keys does not pay for the import.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        parsed = [_parsed(key) for key in re.split(r"[,\s]+", keys) if key]
        self._keys: dict[str, AESGCM] = {key_id: AESGCM(key) for key_id, key in parsed}
        self.key_ids = tuple(self._keys)
        if not parsed:
            raise UsageError("There is no payload key.", KEY_HINT)
        if len(self._keys) < len(parsed):
            raise UsageError("Two payload keys have the same id.", "Give each an id of its own.")
        self._first = self._keys[self.key_ids[0]]
        self._metadata = {
            ENCODING_FIELD: ENCODING.encode(),
            KEY_ID_FIELD: self.key_ids[0].encode(),
        }
        self._reported: set[str] = set()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads, encrypted."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads, decrypted.

        Raises:
            PayloadKeyError: the key of one is missing, or is another key of the same id.
        """
        return [self.decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._first.encrypt(nonce, payload.SerializeToString(), None)
        return Payload(metadata=self._metadata, data=sealed)

    def decrypted(self, payload: Payload) -> Payload:
        """Return one payload, decrypted; a plain one is returned as it is.

        Raises:
            PayloadKeyError: its key is missing, or is another key of the same id.
        """
        key_id = key_id_of(payload)
        if key_id is None:
            return payload
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see __init__

        key = self._keys.get(key_id)
        if key is None:
            raise self._reported_once(key_id, missing_key(key_id))
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(key.decrypt(nonce, sealed, None))
        except (InvalidTag, ValueError):  # ValueError: the nonce is cut off
            raise self._reported_once(key_id, _other_key(key_id)) from None

    def _reported_once(self, key_id: str, error: PayloadKeyError) -> PayloadKeyError:
        """Log an error once for each key: Temporal repeats the tasks that it fails."""
        if key_id not in self._reported and len(self._reported) < _MOST_REPORTED:
            self._reported.add(key_id)
            log.error("payloads.unreadable", reason=error.message, hint=error.hint)
        return error


_MOST_REPORTED = 100
"""Anyone who may start a workflow can invent ids of keys."""


def _parsed(text: str) -> tuple[str, bytes]:
    key_id, _, encoded = text.partition(":")
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES:
        # The text is not repeated: it may be a key.
        raise UsageError(
            f"A payload key has an id of letters, digits, '.', '_' and '-', then a colon, then "
            f"{KEY_BYTES} bytes in base64.",
            KEY_HINT,
        )
    return key_id, key


def key_id_of(payload: Payload) -> str | None:
    """Return the id of the key that an encrypted payload names; None for a plain one."""
    if payload.metadata.get(ENCODING_FIELD) != ENCODING.encode():
        return None
    return bounded(payload.metadata.get(KEY_ID_FIELD, b"").decode("utf-8", "replace"))


def missing_key(key_id: str) -> PayloadKeyError:
    """Return the error for a payload whose key this process does not have."""
    return PayloadKeyError(
        f"A payload in Temporal was encrypted with the key {key_id}, which this process does not "
        "have.",
        "Add this key to DOCMILL_PAYLOAD_KEYS. If it is lost, the payload is lost: terminate the "
        "batch, and run its files again.",
    )


def _other_key(key_id: str) -> PayloadKeyError:
    return PayloadKeyError(
        f"A payload in Temporal cannot be decrypted with the key {key_id}: it was changed, or "
        "encrypted with another key of the same id.",
        "Compare DOCMILL_PAYLOAD_KEYS of the processes: an id must name the same key everywhere.",
    )


class _EncryptedPayload(EncodingPayloadConverter):
    """Names the missing key of an encrypted payload; it is asked for nothing else."""

    @property
    def encoding(self) -> str:
        return ENCODING

    def to_payload(self, value: Any) -> Payload | None:
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        raise missing_key(key_id_of(payload) or "")


class DocmillPayloadConverter(CompositePayloadConverter):
    """Pydantic's converter; an encrypted payload is a `PayloadKeyError`."""

    def __init__(self) -> None:
        super().__init__(*PydanticPayloadConverter().converters.values(), _EncryptedPayload())


class ContextFreeConverter(DataConverter):
    """A data converter of which no part depends on the workflow or activity that it works for."""


PLAIN = ContextFreeConverter(payload_converter_class=DocmillPayloadConverter)
"""The converter of processes without payload keys: no codec, failures as they are."""


def data_converter(settings: Settings) -> ContextFreeConverter:
    """Return the data converter of a process with these settings.

    Raises:
        UsageError: the keys are invalid, given twice, or their command failed.
    """
    cipher = payload_cipher(settings)
    return PLAIN if cipher is None else encrypting(cipher)


def encrypting(cipher: PayloadCipher) -> ContextFreeConverter:
    """Return a data converter that encrypts payloads, and the texts of failures with them."""
    return ContextFreeConverter(
        payload_converter_class=DocmillPayloadConverter,
        payload_codec=cipher,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def payload_cipher(settings: Settings) -> PayloadCipher | None:
    """Return the cipher of the keys in the settings; None if there are none.

    Raises:
        UsageError: the keys are invalid, given twice, or their command failed.
    """
    keys, command = settings.payload_keys.get_secret_value(), settings.payload_keys_command
    if keys and command:
        raise UsageError(
            "DOCMILL_PAYLOAD_KEYS and DOCMILL_PAYLOAD_KEYS_COMMAND are both set.", "Unset one."
        )
    if command:
        return PayloadCipher(_printed(command))
    return PayloadCipher(keys) if keys else None


def _printed(command: str) -> str:
    """Return what the command prints. Nothing of it is repeated in an error: it may be a key."""
    hint = "Run the command as the same user; it must print the keys to standard output."
    try:
        finished = subprocess.run(  # noqa: S603 - the operator's own command
            shlex.split(command), capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a command line"
        raise UsageError(f"DOCMILL_PAYLOAD_KEYS_COMMAND cannot run: {reason}.", hint) from None
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"DOCMILL_PAYLOAD_KEYS_COMMAND did not end within {COMMAND_SECONDS:g} s.", hint
        ) from None
    if finished.returncode:
        raise UsageError(
            f"DOCMILL_PAYLOAD_KEYS_COMMAND failed with exit code {finished.returncode}.", hint
        )
    return finished.stdout.decode("ascii", "replace")


def unreadable(message: Message, converter: DataConverter) -> PayloadKeyError | None:
    """Return the error for the first payload in a message that this process cannot decrypt."""
    cipher = converter.payload_codec
    for payload in _payloads_in(message):
        key_id = key_id_of(payload)
        if key_id is None:
            continue
        if not isinstance(cipher, PayloadCipher):
            return missing_key(key_id)
        try:
            cipher.decrypted(payload)
        except PayloadKeyError as error:
            return error
    return None


def _payloads_in(message: Message) -> Iterator[Payload]:
    """Yield the payloads anywhere in a message."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            within = value.values()
        else:
            within = value if isinstance(value, Sequence) or hasattr(value, "add") else (value,)
        for part in within:
            if isinstance(part, Message):
                yield from _payloads_in(part)
