"""Places of documents and results, as users name them: folders, and URLs of buckets."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from docmill.errors import UsageError

SCHEMES = frozenset({"s3", "gs", "az"})
"""Of S3 and compatible services, Google Cloud Storage, and Azure Blob Storage."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]")
"""Superset of the names of the three services; the longest are those of Google Cloud Storage."""
_HINT = "Write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix."


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """A bucket and a prefix of keys in it.

    Attributes:
        scheme: one of `SCHEMES`.
        bucket: its name; for Azure that of the container.
        prefix: whole parts of keys, joined by slashes; empty means the whole bucket.
    """

    scheme: str
    bucket: str
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the URL of ``text``, whose characters are those of the keys: nothing is decoded.

        Raises:
            UsageError: it is no such URL, or it has options or credentials in it, which belong into
                the environment, because URLs are stored and shown.
        """
        scheme, separator, rest = text.partition("://")
        bucket, _, prefix = rest.partition("/")
        if not separator or scheme not in SCHEMES:
            raise UsageError("This is not the URL of a bucket.", _HINT)
        if not _NAME.fullmatch(bucket) or "?" in prefix or "#" in prefix:
            raise UsageError(
                f"The URL of a bucket has the form {scheme}://name/prefix and nothing else.",
                "Put credentials and options into the provider's variables "
                "(AWS_*, GOOGLE_*, AZURE_*).",
            )
        prefix = prefix.strip("/")
        if prefix and not is_plain_path(prefix):
            raise UsageError(f"{text} has an empty or relative part in its prefix.", _HINT)
        return cls(scheme, bucket, prefix)

    @property
    def name(self) -> str:
        """The last part of the prefix, or the bucket's name."""
        return self.prefix.rpartition("/")[2] or self.bucket

    def key(self, relative: str) -> str:
        """Return the key of a path that is relative to the prefix."""
        return f"{self.prefix}/{relative}" if self.prefix else relative

    def below(self, other: "BucketUrl") -> str | None:
        """Return the path of this URL relative to ``other``, or None if it is not inside it."""
        if (self.scheme, self.bucket) != (other.scheme, other.bucket):
            return None
        if not other.prefix or self.prefix == other.prefix:
            return self.prefix if not other.prefix else ""
        inside = self.prefix.startswith(f"{other.prefix}/")
        return self.prefix[len(other.prefix) + 1 :] if inside else None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


Place = Path | BucketUrl
"""Where documents are read from or results are written to."""


def place_of(text: str) -> Place:
    """Return the place that a user names: a path, or the URL of a bucket.

    Raises:
        UsageError: the URL is invalid.
    """
    return BucketUrl.parse(text) if is_bucket_url(text) else Path(text)


def is_bucket_url(text: str) -> bool:
    """Return whether ``text`` is meant as the URL of a bucket."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def is_plain_path(path: str) -> bool:
    """Return whether the library can name a key: no empty part, ``..`` or control character."""
    return all(map(_is_plain, path.split("/")))


def _is_plain(part: str) -> bool:
    return part not in ("", ".", "..") and not any(c < " " or c == "\x7f" for c in part)
