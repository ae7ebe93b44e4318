"""Scans of sources: the entry of each file, and the files that a scan excludes."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class ScannedEntry:
    """One file that a scan found.

    Attributes:
        unique_id: the relative path, escaped if it is not UTF-8; unique in its source.
        display_name: the name in user interfaces.
        raw_path: the relative path in the file system's encoding; of an object, in UTF-8.
        size: bytes.
        signature: size and times of the file, or size and ETag of the object; a new version has
            another signature.
    """

    unique_id: str
    display_name: str
    raw_path: bytes
    size: int
    signature: str


MAX_NAMES = 20
"""Maximum names for each reason; a folder may have a million links."""
MAX_NAME = 300
"""Maximum characters of a name."""

RUN_FILE = ".docmill-run.json"
"""Marks a folder as the output of a run; its files are not input."""


class LeftOutReason(StrEnum):
    """Why a scan excludes a file or folder. A closed set; the strings are stable."""

    SYMLINK = "symlink"
    SYMLINK_OUTSIDE = "symlink_outside"
    SYMLINK_BROKEN = "symlink_broken"
    SYMLINK_REPEATED = "symlink_repeated"
    HIDDEN = "hidden"
    LITTER = "litter"
    SPECIAL = "special"
    UNREADABLE = "unreadable"
    OUTPUT = "output"
    INVALID_KEY = "invalid_key"


LEFT_OUT_WORDS: dict[LeftOutReason, str] = {
    LeftOutReason.SYMLINK: "symlinks (--follow-links takes those that stay within the folder)",
    LeftOutReason.SYMLINK_OUTSIDE: "symlinks that lead out of the folder",
    LeftOutReason.SYMLINK_BROKEN: "symlinks that lead nowhere",
    LeftOutReason.SYMLINK_REPEATED: "symlinks to folders that are listed already",
    LeftOutReason.HIDDEN: "hidden files and folders",
    LeftOutReason.LITTER: "lock files, half downloads and files of the desktop",
    LeftOutReason.SPECIAL: "devices, pipes and sockets",
    LeftOutReason.UNREADABLE: "without permission to read them",
    LeftOutReason.OUTPUT: "folders of Docmill's own results",
    LeftOutReason.INVALID_KEY: "keys with an empty part, a dot part or a control character",
}
"""Labels of the reasons in user interfaces, after the number of files."""

_LOCK = re.compile(rb"~\$.+|\.~lock\..+#", re.DOTALL)
_HALF = re.compile(
    rb".+\.(?:crdownload|part|partial|filepart|download|opdownload)", re.DOTALL | re.I
)
_DESKTOP = re.compile(
    rb"desktop\.ini|thumbs\.db|ehthumbs(?:_vista)?\.db|\.ds_store|\._.+|icon\r"
    rb"|~wr[adls]\d+\.tmp|~df[0-9a-f]+\.tmp",
    re.DOTALL | re.I,
)
_FOLDERS = re.compile(
    rb"\$recycle\.bin|system volume information|__macosx|@eadir|lost\+found", re.I
)
"""Folders of operating systems and tools; their files may have the names of documents."""
_MAX_LOCK = 1024
"""Maximum bytes of a lock file: Word writes 162, Excel and PowerPoint 165, LibreOffice 100."""


def is_litter(name: bytes) -> bool:
    """Whether the name belongs to a file or folder without user documents."""
    return any(kind.fullmatch(name) for kind in (_LOCK, _HALF, _DESKTOP, _FOLDERS))


def is_lock(name: str, size: int) -> bool:
    """Whether a file is the lock of Office or LibreOffice for an open document."""
    return size <= _MAX_LOCK and _LOCK.fullmatch(_last(name)) is not None


def is_half_download(name: str) -> bool:
    """Whether browsers give this name to an incomplete download."""
    return _HALF.fullmatch(_last(name)) is not None


def _last(name: str) -> bytes:
    return name.rpartition("/")[2].encode(errors="surrogateescape")


class LeftOut:
    """The files that one scan excludes, counted by reason, with a bounded number of names."""

    def __init__(self) -> None:
        self._counts: Counter[LeftOutReason] = Counter()
        self._names: dict[LeftOutReason, list[str]] = defaultdict(list)

    def add(self, reason: LeftOutReason, name: str) -> None:
        """Count one file or folder; a folder's name ends with a slash."""
        self._counts[reason] += 1
        if len(self._names[reason]) < MAX_NAMES:
            shown = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"
            self._names[reason].append(shown)

    def as_json(self) -> dict[str, Any] | None:
        """Return ``{reason: {"count": …, "names": […]}}``, or None if nothing was excluded."""
        return {
            reason.value: {"count": self._counts[reason], "names": self._names[reason]}
            for reason in LeftOutReason
            if self._counts[reason]
        } or None


def total_left_out(left_out: dict[str, Any] | None) -> int:
    """Return the number of files and folders in a stored `LeftOut.as_json`."""
    return sum(entry["count"] for entry in (left_out or {}).values())
