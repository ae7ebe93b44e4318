"""Buckets as sources of files: the objects below a prefix, as if they were a folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from docmill.contracts.scans import RUN_FILE, LeftOut, LeftOutReason, ScannedEntry, is_litter
from docmill.errors import UsageError
from docmill.objects.open import open_bucket
from docmill.objects.places import BucketUrl, is_plain_path
from docmill.sources.globs import Globs
from docmill.sources.walk import display_path

if TYPE_CHECKING:
    from docmill.objects.buckets import Bucket, BucketObject


@dataclass(frozen=True, slots=True)
class BucketSource:
    """Which objects of a bucket belong to a directory.

    Attributes:
        url: the bucket and the prefix.
        recursive: whether keys with further slashes are included.
        include: patterns (`docmill.sources.globs`) of paths to include; empty includes all.
        exclude: patterns of paths and whole subfolders to exclude.
        leave_out: paths of subfolders to exclude: the destination of the results.
    """

    url: BucketUrl
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()

    @classmethod
    def resolve(
        cls,
        url: BucketUrl,
        *,
        recursive: bool = True,
        include: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
        leave_out: tuple[BucketUrl, ...] = (),
    ) -> Self:
        """Return the source for a URL. The bucket is not contacted.

        Raises:
            UsageError: the results would go where the source is.
        """
        if url in leave_out:
            raise UsageError(
                f"{url} cannot be read and written at the same time.",
                "Choose an --out other than the source itself.",
            )
        inside = tuple(sorted(path for other in leave_out if (path := other.below(url))))
        return cls(url, recursive, tuple(include), tuple(exclude), inside)

    @property
    def name(self) -> str:
        """The last part of the prefix, or the bucket's name."""
        return self.url.name

    @property
    def location(self) -> str:
        """The URL."""
        return str(self.url)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON for the directory's row; `from_json` is the inverse."""
        return {
            "bucket": str(self.url),
            "recursive": self.recursive,
            "include": list(self.include),
            "exclude": list(self.exclude),
            "leave_out": list(self.leave_out),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Return the source from the JSON of `as_json`."""
        return cls(
            BucketUrl.parse(stored["bucket"]),
            stored["recursive"],
            tuple(stored["include"]),
            tuple(stored["exclude"]),
            tuple(stored["leave_out"]),
        )

    def scan(self, left_out: LeftOut | None = None) -> Iterator[list[ScannedEntry]]:
        """List the objects page by page. Memory holds one page.

        Hidden names, litter and results of other runs are excluded as in a folder, and keys that
        cannot be read.

        Raises:
            UsageError: there is no such bucket, access is denied, or a key of GCS or Azure cannot
                be named.
            UnavailableError: the bucket cannot be listed now.
        """
        bucket = open_bucket(self.url)
        listing = _Listing(self, bucket, LeftOut() if left_out is None else left_out)
        for page in bucket.pages():
            if entries := [_entry(found) for found in page if listing.takes(found.path)]:
                yield entries


@dataclass(slots=True)
class _Listing:
    """Decides which paths of one listing are taken.

    Attributes:
        left_out: collects the paths that are excluded without a pattern of the user.
    """

    source: BucketSource
    bucket: "Bucket"
    left_out: LeftOut
    _include: Globs | None = field(init=False)
    _exclude: Globs = field(init=False)
    _excluded: tuple[str, ...] = field(init=False)
    _outputs: dict[str, bool] = field(default_factory=dict)
    _counted: str = ""

    def __post_init__(self) -> None:
        self._include = Globs(self.source.include) if self.source.include else None
        self._exclude = Globs(self.source.exclude)
        self._excluded = tuple(f"{path}/" for path in self.source.leave_out)

    def takes(self, path: str) -> bool:
        """Whether the object at ``path`` is listed; if not, count it."""
        folders, name = _parts(path)
        if path.startswith(self._excluded) or (folders and not self.source.recursive):
            return False
        if any(map(self._exclude.matches, (*folders, path))):
            return False
        if is_plain_path(path):
            for folder in folders:
                if reason := self._reason_of(folder, path):
                    self._count(reason, f"{folder}/")
                    return False
        if self._include is not None and not self._include.matches(path):
            return False
        reason = _reason(name) if is_plain_path(path) else LeftOutReason.INVALID_KEY
        if reason:
            self._count(reason, path)
        return reason is None

    def _reason_of(self, folder: str, path: str) -> LeftOutReason | None:
        """Return why the folder of ``path`` is excluded. Folders with results have a marker.

        The marker is listed before all but a few names, so that a request is rarely needed.
        """
        if reason := _reason(folder.rpartition("/")[2]):
            return reason
        if folder not in self._outputs:
            marker = f"{folder}/{RUN_FILE}"
            is_output = path == marker or (path < marker and self.bucket.has(marker))
            # Only the folders of the current path are kept: a bucket may have any number.
            above = {key: it for key, it in self._outputs.items() if folder.startswith(f"{key}/")}
            self._outputs = above | {folder: is_output}
        return LeftOutReason.OUTPUT if self._outputs[folder] else None

    def _count(self, reason: LeftOutReason, name: str) -> None:
        """Count a path; a folder once for all its objects, which follow one another."""
        if name != self._counted:
            self.left_out.add(reason, display_path(name.encode()))
        self._counted = name


def _parts(path: str) -> tuple[list[str], str]:
    """Return the folders above a path, outermost first, and its name."""
    folders = [path[:place] for place, character in enumerate(path) if character == "/"]
    return folders, path.rpartition("/")[2]


def _reason(name: str) -> LeftOutReason | None:
    if is_litter(name.encode()):
        return LeftOutReason.LITTER
    return LeftOutReason.HIDDEN if name.startswith(".") else None


def _entry(found: "BucketObject") -> ScannedEntry:
    raw = found.path.encode()
    name = raw.rpartition(b"/")[2]
    return ScannedEntry(display_path(raw), display_path(name), raw, found.size, found.signature)
