"""Opens the object store or the bucket of a URL."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from docmill.errors import UsageError
from docmill.objects.base import ObjectStore
from docmill.objects.local import LocalStore
from docmill.objects.places import SCHEMES, BucketUrl

if TYPE_CHECKING:
    from docmill.objects.buckets import Bucket


def open_store(url: str) -> ObjectStore:
    """Return the store for ``url``; credentials come from the provider's own variables.

    Args:
        url: ``file:///folder`` or an absolute path, ``s3://bucket/prefix``,
            ``gs://bucket/prefix`` or ``az://container/prefix``.

    Raises:
        UsageError: the URL is invalid, or its scheme is unknown.
        UnavailableError: the local folder cannot be created.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return LocalStore(Path(unquote(parts.path)))
    if not parts.scheme and url.startswith("/"):
        return LocalStore(Path(url))
    if parts.scheme in SCHEMES and parts.netloc:
        from docmill.objects.remote import RemoteStore  # noqa: PLC0415 - most installations need none

        return RemoteStore(url)
    raise UsageError(
        "DOCMILL_STORE_URL is not the URL of a supported object store.",
        "Use file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix.",
    )


@lru_cache(maxsize=64)
def open_bucket(url: BucketUrl) -> "Bucket":
    """Return the bucket of ``url``; equal URLs share its connections.

    Raises:
        UsageError: the provider's variables are incomplete or invalid.
    """
    from docmill.objects.buckets import Bucket  # noqa: PLC0415 - most installations need none

    return Bucket(url)
