"""Signed URLs: a path, an expiry time, and an HMAC over both. They need no HTTP header.

The key is a file in the home folder, created at first use. A process that can read the home folder
can read the files as well.
"""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from fastapi import Request

from docmill.api.core.wire import PresignedUrl
from docmill.errors import NotFoundError
from docmill.settings import Settings

CONTENT_PREFIX = "/api/docmill/v1/content"
DEFAULT_LIFETIME = timedelta(hours=1)
_KEY_BYTES = 32
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_SCHEMES = frozenset({"http", "https"})


class Links:
    """Creates and verifies signed URLs with one key."""

    def __init__(self, key: bytes, settings: Settings) -> None:
        self._key = key
        self._public_url = settings.public_url.rstrip("/")
        self._proxies = frozenset(settings.trusted_proxies)

    @classmethod
    def of_home(cls, settings: Settings) -> "Links":
        """Return the `Links` that use the key in the home folder."""
        path = settings.home / "links.key"
        if not path.exists():
            _write_once(path, secrets.token_bytes(_KEY_BYTES))
        return cls(path.read_bytes(), settings)

    def make(
        self, request: Request, *parts: str, lifetime: timedelta = DEFAULT_LIFETIME
    ) -> PresignedUrl:
        """Return a signed URL of ``parts`` below `CONTENT_PREFIX`, on the host clients use."""
        expires = datetime.now(UTC).replace(microsecond=0) + lifetime
        path = "/".join((CONTENT_PREFIX, *(quote(part, safe="") for part in parts)))
        stamp = int(expires.timestamp())
        query = f"expires={stamp}&signature={self._sign(parts, stamp)}"
        return PresignedUrl(url=f"{self._base(request)}{path}?{query}", expires_at=expires)

    def check(self, *parts: str, expires: int, signature: str) -> None:
        """Verify a signed URL.

        Raises:
            NotFoundError: the signature is invalid, or the URL has expired.
        """
        right = hmac.compare_digest(self._sign(parts, expires).encode(), signature.encode())
        if not right or expires < datetime.now(UTC).timestamp():
            raise NotFoundError("This link is invalid or has expired.", "Request a new one.")

    def _base(self, request: Request) -> str:
        """Return the base URL under which clients reach this server."""
        if self._public_url:
            return self._public_url
        host = request.headers.get("x-forwarded-host", "").split(",")[0].strip()
        peer = request.client.host if request.client else ""
        if peer not in self._proxies or not _HOST.fullmatch(host):
            return str(request.base_url).rstrip("/")
        scheme = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
        return f"{scheme if scheme in _SCHEMES else request.url.scheme}://{host}"

    def _sign(self, parts: tuple[str, ...], expires: int) -> str:
        message = "\n".join((*parts, str(expires))).encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def _write_once(path: Path, content: bytes) -> None:
    """Write ``path`` atomically, unless another process has already created it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as sink:  # mode is 0600
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())
    temporary = Path(sink.name)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
