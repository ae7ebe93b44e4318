"""Signed URLs: a path, a project, an expiry time, and an HMAC over them. They need no header.

The keys are in the records, so that a link is valid for every API process. A link contains the id
of its key: a new key signs new links, and older keys still verify theirs.
"""

import hashlib
import hmac
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from fastapi import Request

from docmill.api.core.wire import PresignedUrl
from docmill.errors import NotFoundError
from docmill.records.database import Database
from docmill.records.link_keys import LinkKeys
from docmill.settings import Settings

CONTENT_PREFIX = "/api/docmill/v1/content"
DEFAULT_LIFETIME = timedelta(hours=1)
KEYS_SECONDS = 5.0
"""Time that a process caches the signing keys, and accepts a key that was revoked."""


class Links:
    """Creates and verifies signed URLs."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """Create it on the database with the signing keys; ``settings`` has the public URL."""
        self._database = database
        self._public_url = settings.public_url.rstrip("/")
        self._keys: dict[str, bytes] = {}
        self._current = ""
        self._read_at = -KEYS_SECONDS

    async def refresh(self, key_id: str | None = None) -> None:
        """Read the keys, unless they were read within `KEYS_SECONDS`.

        Args:
            key_id: key of a link to verify. An unknown one is looked for at once, because another
                process may just have read a new key and signed with it.

        Raises:
            UnavailableError: the database is unavailable.
        """
        known = key_id is None or key_id in self._keys
        if known and time.monotonic() - self._read_at < KEYS_SECONDS:
            return
        async with self._database.read() as session:
            keys = await LinkKeys(session).list()
        self._keys = {key.id: key.secret for key in keys}
        self._current = keys[0].id
        self._read_at = time.monotonic()

    def make(
        self,
        request: Request,
        project_id: str,
        *parts: str,
        lifetime: timedelta = DEFAULT_LIFETIME,
    ) -> PresignedUrl:
        """Return a signed URL of ``parts`` below `CONTENT_PREFIX`, for one project."""
        expires = datetime.now(UTC).replace(microsecond=0) + lifetime
        path = "/".join((CONTENT_PREFIX, *(quote(part, safe="") for part in parts)))
        stamp = int(expires.timestamp())
        query = urlencode(
            {
                "project": project_id,
                "expires": stamp,
                "key": self._current,
                "signature": self._sign(self._keys[self._current], project_id, parts, stamp),
            }
        )
        return PresignedUrl(url=f"{self._base(request)}{path}?{query}", expires_at=expires)

    def check(
        self, project_id: str, *parts: str, expires: int, key_id: str, signature: str
    ) -> None:
        """Verify a signed URL.

        Raises:
            NotFoundError: the signature is invalid, or the URL has expired.
        """
        secret = self._keys.get(key_id)
        right = secret is not None and hmac.compare_digest(
            self._sign(secret, project_id, parts, expires).encode(), signature.encode()
        )
        if not right or expires < datetime.now(UTC).timestamp():
            raise NotFoundError("This link is invalid or has expired.", "Request a new one.")

    def _base(self, request: Request) -> str:
        """Return the base URL of this server for clients; it does not depend on headers."""
        if self._public_url:
            return self._public_url
        host, port = request.scope["server"]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _sign(self, secret: bytes, project_id: str, parts: tuple[str, ...], expires: int) -> str:
        message = "\n".join((project_id, *parts, str(expires))).encode()
        return hmac.new(secret, message, hashlib.sha256).hexdigest()
