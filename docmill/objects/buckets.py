"""Buckets of S3 (or a compatible service), GCS and Azure: listed, read and written under any key.

The methods block: call them in a thread. Credentials come from the provider's own chain: variables,
the identity of a pod, task or machine. They are never part of a URL.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import from_url

from docmill.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from docmill.objects.base import CHUNK
from docmill.objects.places import BucketUrl
from docmill.objects.s3_listing import list_keys

if TYPE_CHECKING:
    from obstore import ObjectMeta, PutMode, UpdateVersion
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

RETRY: "RetryConfig" = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=1),
        "base": 2,
    },
}
"""Short retries: if a store is unavailable for longer, Temporal retries the activity."""
CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(minutes=5),
    # Plain HTTP is used only for an endpoint that the operator configured as http://.
    "allow_http": True,
}
UPLOAD_PARTS = 4
"""Parts of 5 MiB in memory at the same time, for each upload."""
PAGE = 1000
"""Keys of one page, the maximum of S3's ListObjectsV2."""
_CHANGES = 10
"""Attempts to change an object that other processes change, too."""
VARIABLES = "the provider's variables (AWS_*, GOOGLE_*, AZURE_*)"
_SHA256 = "sha256"
"""Name of the metadata with an object's SHA-256; an ETag is not a hash of the bytes everywhere."""
_SECRET = re.compile(r"\?\S+|(?i:bearer|signature|sig|key|token)(?:[=:]\s*| )\S+")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_ODD_KEY = re.compile(r'[Pp]ath "(.*?)"', re.DOTALL)

_Kind = type[UsageError] | type[UnavailableError]


@dataclass(frozen=True, slots=True)
class _Guide:
    """What an error code of a service means, and what to do."""

    kind: _Kind
    message: str
    hint: str


_NO_BUCKET = _Guide(
    UsageError,
    "There is no bucket {bucket}.",
    "Check its name, and AWS_ENDPOINT_URL if the service is not Amazon's.",
)
_DENIED = _Guide(
    UsageError,
    "Access to {url} is denied.",
    "Allow this identity to list and get objects below the prefix; to put them, if results go "
    "there.",
)
_CREDENTIALS = _Guide(
    UnavailableError,
    "{url} does not accept the credentials ({code}).",
    f"Renew them in {VARIABLES}, for the workers too; batches then continue.",
)
_REGION = _Guide(
    UsageError,
    "The bucket {bucket} is in another region than the configured one.",
    "Set AWS_REGION to the region of the bucket.",
)
_LONG_KEY = _Guide(
    UsageError,
    "A key below {url} is longer than the service allows.",
    "Choose a shorter prefix for --out.",
)
_GUIDES = {
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": _NO_BUCKET,
    "ContainerNotFound": _NO_BUCKET,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AuthorizationFailure": _DENIED,
    "AuthorizationPermissionMismatch": _DENIED,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "TokenRefreshRequired": _CREDENTIALS,
    "AuthenticationFailed": _CREDENTIALS,
    "AuthenticationRequired": _CREDENTIALS,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "KeyTooLongError": _LONG_KEY,
}
"""By error code of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), whose
XML interface GCS shares, and of Azure
(https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes)."""


@dataclass(frozen=True, slots=True)
class BucketObject:
    """One object of a listing.

    Attributes:
        path: its key, relative to the prefix of the URL.
        size: bytes.
        signature: changes with the object's bytes, as far as the listing tells.
    """

    path: str
    size: int
    signature: str


class Bucket:
    """The objects below a bucket's prefix. Paths are relative to the prefix.

    Every method raises `UnavailableError` if the bucket cannot be reached, or the credentials are
    missing or expired, and `UsageError` if there is no such bucket, access is denied, or the region
    is wrong.
    """

    def __init__(self, url: BucketUrl) -> None:
        self.url = url
        self._store = open_library_store(f"{url.scheme}://{url.bucket}")

    def pages(self) -> Iterator[list[BucketObject]]:
        """List all objects in pages of up to `PAGE`. Memory holds one page.

        Placeholders of folders, as the providers' consoles make them, are omitted. Objects of S3
        whose path `is_plain_path` rejects are listed, but no other method can name them.

        Raises:
            UsageError: a key of GCS, Azure or a directory bucket cannot be named.
        """
        with self._converted_errors():
            # Only a listing below a prefix keeps a slash at the start of a key.
            if self._can_list_exactly and not self.url.prefix:
                yield from self._exact_pages("")
                return
            last = ""
            try:
                for metas in obstore.list(self._store, self.url.prefix or None, chunk_size=PAGE):
                    yield [self._object(meta) for meta in metas if not self._is_placeholder(meta)]
                    last = metas[-1]["path"]
            except InvalidPathError:
                if not self._can_list_exactly:
                    raise
                yield from self._exact_pages(last)

    @property
    def _can_list_exactly(self) -> bool:
        """Whether URLs of listings can be signed; directory buckets (S3 Express) have sessions."""
        return self.url.scheme == "s3" and not self.url.bucket.endswith("--x-s3")

    def _exact_pages(self, last: str) -> Iterator[list[BucketObject]]:
        """List the objects after the key ``last`` with their keys as they are."""
        below = f"{self.url.prefix}/" if self.url.prefix else ""
        pages = list_keys(self.url.bucket, below, last, client=CLIENT, retry=RETRY)
        for metas in pages:
            yield [
                self._object(meta)
                for meta in metas
                if meta["size"] or not meta["path"].endswith("/")
            ]

    def has(self, path: str) -> bool:
        """Return whether there is an object at ``path``."""
        return self._exists(self.url.key(path))

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a small object; None if there is no such object."""
        try:
            with self._converted_errors(path):
                return bytes(obstore.get(self._store, self.url.key(path)).bytes())
        except NotFoundError:
            return None

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of an object in parts of bounded size.

        Raises:
            NotFoundError: there is no such object.
        """
        with self._converted_errors(path):
            answer = obstore.get(self._store, self.url.key(path))
            for data in answer.stream(min_chunk_size=CHUNK):
                yield bytes(data)

    async def download(self, path: str, signature: str, target: Path) -> None:
        """Write an object to the new file ``target``, if it still is the listed one.

        Raises:
            NotFoundError: there is no such object.
            ConflictError: it changed since it was listed.
            OSError: the file cannot be written.
        """
        etag = _etag_of(signature)
        options: obstore.GetOptions = {"if_match": etag} if etag else {}
        changed = ConflictError(f"{path} changed after it was listed.")
        with target.open("xb") as file, self._converted_errors(path):
            answer = await obstore.get_async(self._store, self.url.key(path), options=options)
            if _signature_of(answer.meta) != signature:
                raise changed
            left = answer.meta["size"]
            async for data in answer.stream(min_chunk_size=CHUNK):
                left -= len(data)
                if left < 0:
                    raise changed
                await asyncio.to_thread(file.write, data)
            if left:
                raise UnavailableError(f"{self.url} sent less than the whole of {path}.")

    def sha256_of(self, path: str) -> str | None:
        """Return the SHA-256 that `put_file` stored with an object; None without one."""
        try:
            with self._converted_errors(path):
                answer = obstore.get(self._store, self.url.key(path), options={"head": True})
                return answer.attributes.get(_SHA256)
        except NotFoundError:
            return None

    def put_file(self, path: str, file: Path, sha256: str, media_type: str) -> None:
        """Upload a file with its hash as metadata, in parts if it is large."""
        attributes = {"Content-Type": media_type, _SHA256: sha256}
        self._put(path, file, attributes)

    def put_bytes(self, path: str, data: bytes, media_type: str) -> None:
        """Upload ``data``."""
        self._put(path, data, {"Content-Type": media_type})

    def change(self, path: str, change: Callable[[bytes | None], bytes], media_type: str) -> None:
        """Replace a small object by what ``change`` returns for its bytes, or for None.

        Nothing that another process wrote meanwhile is lost, if the service has conditional writes.
        ``change`` is called again if there is something.

        Raises:
            UnavailableError: other processes changed the object each time.
        """
        for _ in range(_CHANGES):
            before, mode = self._version_of(path)
            data = change(before)
            with self._converted_errors():
                try:
                    self._replace(path, data, media_type, mode)
                except (AlreadyExistsError, PreconditionError):
                    continue
                except BaseError as error:
                    if _code(error) != "NotImplemented":
                        raise
                    self._replace(path, data, media_type, "overwrite")
                return
        raise UnavailableError(f"Other processes keep changing {path} in {self.url}.", "Try again.")

    def _replace(self, path: str, data: bytes, media_type: str, mode: "PutMode") -> None:
        obstore.put(
            self._store,
            self.url.key(path),
            data,
            attributes={"Content-Type": media_type},
            mode=mode,
            use_multipart=False,
        )

    def _version_of(self, path: str) -> "tuple[bytes | None, PutMode]":
        """Return an object's bytes, and the mode that replaces this version only."""
        try:
            with self._converted_errors(path):
                answer = obstore.get(self._store, self.url.key(path))
                version: UpdateVersion = {}
                if (etag := answer.meta["e_tag"]) is not None:
                    version["e_tag"] = etag
                if (generation := answer.meta["version"]) is not None:
                    version["version"] = generation
                return bytes(answer.bytes()), version or "overwrite"
        except NotFoundError:
            return None, "create"

    def delete(self, path: str) -> None:
        """Delete an object if it exists."""
        try:
            with self._converted_errors(path):
                obstore.delete(self._store, self.url.key(path))
        except NotFoundError:
            return

    def _put(self, path: str, data: Path | bytes, attributes: Mapping[str, str]) -> None:
        with self._converted_errors():
            obstore.put(
                self._store,
                self.url.key(path),
                data,
                attributes=dict(attributes),
                max_concurrency=UPLOAD_PARTS,
            )

    def _object(self, meta: "ObjectMeta") -> BucketObject:
        key = meta["path"]
        path = key[len(self.url.prefix) + 1 :] if self.url.prefix else key
        return BucketObject(path, meta["size"], _signature_of(meta))

    def _is_placeholder(self, meta: "ObjectMeta") -> bool:
        """Whether a listed key ended with a slash, which the library removes from it."""
        return not meta["size"] and not self._exists(meta["path"])

    def _exists(self, key: str) -> bool:
        try:
            with self._converted_errors(key):
                obstore.head(self._store, key)
        except NotFoundError:
            return False
        return True

    @contextmanager
    def _converted_errors(self, path: str | None = None) -> Iterator[None]:
        """Convert errors of the library; ``path`` is the object that must exist."""
        try:
            yield
        except PreconditionError:
            raise ConflictError(f"{path} changed after it was listed.") from None
        except BaseError as error:
            raise self._error_of(error) from None
        except FileNotFoundError as error:
            if path is None or _GUIDES.get(_code(error)) is _NO_BUCKET:
                raise self._guided(_NO_BUCKET) from None
            raise NotFoundError(f"{self.url} has no object {path}.") from None
        except OSError as error:
            if error.errno is not None:  # of this machine's disk
                raise
            raise self._unavailable(error) from None

    def _error_of(self, error: BaseError) -> UsageError | UnavailableError:
        """Return the error for one of the library, with what to do about it."""
        if isinstance(error, InvalidPathError):
            return self._odd_key(error)
        code = _code(error) or _code_of_kind(error)
        guide = _GUIDES.get(code)
        return self._unavailable(error) if guide is None else self._guided(guide, code)

    def _guided(self, guide: _Guide, code: str = "") -> UsageError | UnavailableError:
        named = guide.message.format(bucket=self.url.bucket, url=self.url, code=code)
        return guide.kind(named, guide.hint)

    def _unavailable(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"{self.url} returned an error: {detail(error)}",
            f"Check the network, the endpoint and {VARIABLES}; batches then continue.",
        )

    def _odd_key(self, error: Exception) -> UsageError:
        found = _ODD_KEY.search(str(error))
        named = f"the key {found[1]!r}" if found else "a key"
        return UsageError(
            f"{self.url} has {named} with an empty part, '..' or a control character.",
            "Rename that object, or name a prefix without it.",
        )


def open_library_store(url: str) -> "ObjectStore":
    """Return the library's store for a URL.

    Raises:
        UsageError: the URL or the provider's variables are incomplete or invalid.
    """
    try:
        return from_url(url, retry_config=RETRY, client_options=CLIENT)
    except (BaseError, ValueError) as error:
        raise UsageError(
            f"The object store {url.partition('?')[0]} cannot be opened: {detail(error)}",
            f"Check its URL and {VARIABLES}.",
        ) from None


def detail(error: Exception) -> str:
    """Return the first line of an error, without the service's text and possible credentials."""
    line = str(error).strip().partition("\n")[0].partition("<")[0]
    return _SECRET.sub("…", line)[:300] + _code(error) or type(error).__name__


def _code(error: Exception) -> str:
    """Return the code in the service's answer; empty without one."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


def _code_of_kind(error: BaseError) -> str:
    """Return the code for an error that the library recognized without one."""
    if isinstance(error, UnauthenticatedError):
        return "AuthenticationRequired"
    if isinstance(error, PermissionDeniedError):
        return "AccessDenied"
    return "PermanentRedirect" if "configured region" in str(error) else ""


def _signature_of(meta: "ObjectMeta") -> str:
    """Return size and ETag, or size and time where the store has no ETags.

    Azure quotes the ETag of an answer, and not those of a listing.
    """
    etag = (meta["e_tag"] or "").replace('"', "")
    return f"{meta['size']} {etag or _time(meta['last_modified'])}"


def _time(when: datetime) -> str:
    return f"@{when.isoformat()}"


def _etag_of(signature: str) -> str | None:
    """Return the ETag for ``If-Match``, which compares no weak ones; None without one."""
    etag = signature.partition(" ")[2]
    return None if etag.startswith(("@", "W/")) else f'"{etag}"'
