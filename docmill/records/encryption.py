"""Encryption of secrets in the records: webhook endpoints, configurations, keys of signed links.

A copy of the database does not reveal them. Tokens are Fernet's (AES-128-CBC and HMAC-SHA-256,
https://github.com/fernet/spec), created with the first key and decrypted with any, so that keys can
be rotated. The keys come from ``DOCMILL_SECRET_KEY``; a SQLite database without that setting has a
key file next to it. A shared database without that setting stores secrets unencrypted.
"""

import base64
import binascii
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import JSON, Dialect, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

from docmill.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_BYTES = 32
KEY_FILE = "secret.key"
"""Name of the key file next to a SQLite database."""
PREFIX = "encrypted:1:"
"""Prefix of encrypted values; values without it were written before there was a key."""
KEY_HINT = (
    "Set DOCMILL_SECRET_KEY to the same value for every process: `openssl rand -base64 32` makes "
    "one."
)


class SecretKeyError(UnavailableError, DontWrapMixin):
    """A secret cannot be encrypted or decrypted with the keys of this process.

    `DontWrapMixin` keeps SQLAlchemy from putting the statement's values into the message.
    """


class Cipher:
    """Encrypts with the first of its keys, decrypts with any of them."""

    def __init__(self, keys: str = "", key_file: Path | None = None) -> None:
        """Read the keys of the setting; the file is read, or created, when it is needed.

        Args:
            keys: comma-separated keys, each 32 bytes in base64.
            key_file: of a SQLite database: holds the last key, and is created if ``keys`` is empty.

        Raises:
            UsageError: a key has an invalid format.
        """
        self._keys = [_checked(key.strip()) for key in keys.split(",") if key.strip()]
        self._key_file = key_file
        self._loaded: MultiFernet | None = None

    @property
    def usable(self) -> bool:
        """Whether there is a key, or a file where one can be created."""
        return bool(self._keys) or self._key_file is not None

    def encrypt(self, plain: bytes) -> str:
        """Return a token for ``plain``.

        Raises:
            SecretKeyError: there is no key.
        """
        return PREFIX + self._fernet(create=True).encrypt(plain).decode("ascii")

    def decrypt(self, token: str) -> bytes:
        """Return the plain bytes of a token.

        Raises:
            SecretKeyError: no key can decrypt it.
        """
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - see _fernet

        try:
            return self._fernet(create=False).decrypt(token.removeprefix(PREFIX))
        except InvalidToken:
            raise SecretKeyError(
                "A secret in the records was encrypted with a key that this process does not have.",
                "Add that key to DOCMILL_SECRET_KEY, after a comma, or restore the key file.",
            ) from None

    def _fernet(self, *, create: bool) -> "MultiFernet":
        if self._loaded is None:
            # Imported late: most commands use no secret, and the import takes 30 ms.
            from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

            keys = [*self._keys, *self._key_of_file(create=create and not self._keys)]
            if not keys:
                raise SecretKeyError(
                    "The secrets in the records are encrypted, and this process has no key.",
                    KEY_HINT,
                )
            self._loaded = MultiFernet([Fernet(key) for key in keys])
        return self._loaded

    def _key_of_file(self, *, create: bool) -> Sequence[str]:
        if self._key_file is None:
            return ()
        try:
            if create:
                _create_key_file(self._key_file)
            return [_checked(self._key_file.read_text("ascii").strip())]
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, UsageError):
            raise SecretKeyError(
                f"The key file {self._key_file} cannot be used.",
                "Restore it from a backup: secrets in the records cannot be read without it.",
            ) from None


def _checked(key: str) -> str:
    """Return a key in the alphabet that Fernet reads."""
    urlsafe = key.replace("+", "-").replace("/", "_")
    try:
        size = len(base64.b64decode(urlsafe, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != KEY_BYTES:
        raise UsageError("DOCMILL_SECRET_KEY: a key is 32 bytes in base64.", KEY_HINT)
    return urlsafe


def _create_key_file(path: Path) -> None:
    """Create a whole key file that only its owner may read, unless another process was first."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)))
            file.flush()
            os.fsync(file.fileno())  # rows that only this key can decrypt are about to be committed
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)


_ciphers: WeakKeyDictionary[Dialect, Cipher] = WeakKeyDictionary()
"""By the dialect of an engine, the only object that a column type knows of its database."""


def use_cipher(dialect: Dialect, cipher: Cipher) -> None:
    """Make the columns of an engine use ``cipher``."""
    _ciphers[dialect] = cipher


def cipher_of(dialect: Dialect) -> Cipher:
    """Return the cipher of an engine."""
    return _ciphers[dialect]


class EncryptedText(TypeDecorator[str]):
    """Text that is encrypted in the database."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt, if there is a key."""
        cipher = cipher_of(dialect)
        return cipher.encrypt(value.encode()) if value is not None and cipher.usable else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt; values that were written before there was a key are returned unchanged."""
        if value is None or not value.startswith(PREFIX):
            return value
        return cipher_of(dialect).decrypt(value).decode()


class EncryptedJson(TypeDecorator[Any]):
    """A JSON object that is one encrypted JSON string in the database."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the JSON type of the database; None is SQL NULL."""
        kind = JSONB if dialect.name == "postgresql" else JSON
        return dialect.type_descriptor(kind(none_as_null=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Encrypt, if there is a key."""
        cipher = cipher_of(dialect)
        return (
            cipher.encrypt(json.dumps(value).encode())
            if value is not None and cipher.usable
            else value
        )

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Decrypt; values that were written before there was a key are returned unchanged."""
        if not isinstance(value, str):
            return value
        return json.loads(cipher_of(dialect).decrypt(value))


class EncryptedBytes(TypeDecorator[bytes]):
    """Bytes that are encrypted in the database."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Encrypt, if there is a key."""
        cipher = cipher_of(dialect)
        return cipher.encrypt(value).encode() if value is not None and cipher.usable else value

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Decrypt; values that were written before there was a key are returned unchanged."""
        if value is None or not value.startswith(PREFIX.encode()):
            return value
        return cipher_of(dialect).decrypt(value.decode("ascii"))
