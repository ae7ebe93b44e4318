"""What a scan of a source finds: one entry per file, before anything is read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScannedEntry:
    """One file that a scan found.

    Attributes:
        unique_id: the relative path, escaped where it is not UTF-8; unique in its source.
        display_name: the name for people.
        raw_path: the relative path as the file system spells it.
        size: bytes.
        signature: size and times in one word; another signature means another version.
    """

    unique_id: str
    display_name: str
    raw_path: bytes
    size: int
    signature: str
