"""Opens the object store of a URL."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from docmill.errors import UsageError
from docmill.objects.base import ObjectStore
from docmill.objects.local import LocalStore

REMOTE_SCHEMES = frozenset({"s3", "gs", "az"})


def open_store(url: str) -> ObjectStore:
    """Return the store for ``url``; credentials come from the provider's own variables.

    Args:
        url: ``file:///folder`` or an absolute path, ``s3://bucket/prefix``,
            ``gs://bucket/prefix`` or ``az://account/container/prefix``.

    Raises:
        UsageError: the URL is invalid, or its scheme is unknown.
        UnavailableError: the local folder cannot be created.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return LocalStore(Path(unquote(parts.path)))
    if not parts.scheme and url.startswith("/"):
        return LocalStore(Path(url))
    if parts.scheme in REMOTE_SCHEMES and parts.netloc:
        from docmill.objects.remote import RemoteStore  # noqa: PLC0415 - most installations need none

        return RemoteStore(url)
    raise UsageError(
        "DOCMILL_STORE_URL is not the URL of a supported object store.",
        "Use file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://account/container.",
    )
