"""What an OLE compound file is: Word, Excel, PowerPoint or Outlook of old, or protected.

A reader of the directory only (MS-CFB): names and places of streams, within fixed bounds.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from docmill.engines.media import Media
from docmill.errors import FailureClass, ItemFailure

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")

_MAX_DIRECTORY_SECTORS = 4096
_LAST_REGULAR_SECTOR = 0xFFFFFFFA
_ENTRY = 128
_HEADER_TABLE_SLOTS = 109
_SECTOR_SHIFTS = (9, 12)

_MAIN_STREAMS = {
    "WordDocument": Media.DOC,
    "Workbook": Media.XLS,
    "Book": Media.XLS,
    "PowerPoint Document": Media.PPT,
    "__properties_version1.0": Media.MSG,
}
_PROTECTED_STREAMS = frozenset({"EncryptedPackage", "EncryptedSummary"})
_WORD_ENCRYPTED = 0x0100
_EXCEL_FILEPASS = 0x002F


@dataclass(frozen=True, slots=True)
class _Stream:
    start: int
    size: int


def media_of_ole(path: Path) -> Media | None:
    """Return what the compound file at ``path`` is, or None when it is no document of ours.

    Raises:
        ItemFailure: CORRUPT for a damaged file, ENCRYPTED for a protected document.
    """
    try:
        with path.open("rb") as file:
            reader = _Reader(file)
            streams = reader.streams()
            if _PROTECTED_STREAMS & streams.keys():
                raise ItemFailure(FailureClass.ENCRYPTED)
            for name, media in _MAIN_STREAMS.items():
                if name in streams:
                    if _has_password(media, reader.beginning(streams[name])):
                        raise ItemFailure(FailureClass.ENCRYPTED)
                    return media
    except (struct.error, ValueError, OverflowError):
        raise ItemFailure(FailureClass.CORRUPT, "The OLE compound file is damaged.") from None
    return None


def _has_password(media: Media, beginning: bytes) -> bool:
    """Word says it in its header's flags, Excel in the record behind the first."""
    if media is Media.DOC and len(beginning) >= 12:  # noqa: PLR2004 - offset 10, two bytes
        return bool(struct.unpack_from("<H", beginning, 10)[0] & _WORD_ENCRYPTED)
    if media is Media.XLS and len(beginning) >= 8:  # noqa: PLR2004 - two record headers
        first_length = struct.unpack_from("<H", beginning, 2)[0]
        second = beginning[4 + first_length : 6 + first_length]
        return second == struct.pack("<H", _EXCEL_FILEPASS)
    return False


class _Reader:
    """Reads sectors of a compound file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        header = file.read(512)
        shift = struct.unpack_from("<H", header, 30)[0]
        if shift not in _SECTOR_SHIFTS:
            raise ValueError(shift)
        self._sector_size = 1 << shift
        self._first_directory_sector = struct.unpack_from("<I", header, 48)[0]
        self._tables = struct.unpack_from(f"<{_HEADER_TABLE_SLOTS}I", header, 76)

    def streams(self) -> dict[str, _Stream]:
        """The directory: every stream and storage by name."""
        found: dict[str, _Stream] = {}
        sector = self._first_directory_sector
        for _ in range(_MAX_DIRECTORY_SECTORS):
            if sector >= _LAST_REGULAR_SECTOR:
                return found
            data = self._sector(sector)
            for offset in range(0, len(data) - _ENTRY + 1, _ENTRY):
                length, start, size = (
                    struct.unpack_from("<H", data, offset + 64)[0],
                    *struct.unpack_from("<IQ", data, offset + 116),
                )
                if 2 <= length <= 64:  # noqa: PLR2004 - a name in UTF-16 with its final zero
                    name = data[offset : offset + length - 2].decode("utf-16-le", "replace")
                    found[name] = _Stream(start, size)
            sector = self._next(sector)
        raise ValueError("endless directory")

    def beginning(self, stream: _Stream) -> bytes:
        """The first sector of ``stream``; empty for the small ones, which lie elsewhere."""
        small = 4096
        return b"" if stream.size < small else self._sector(stream.start)

    def _sector(self, number: int) -> bytes:
        self._file.seek((number + 1) * self._sector_size)
        data = self._file.read(self._sector_size)
        if not data:
            raise ValueError("sector behind the end")
        return data

    def _next(self, sector: int) -> int:
        """The sector that follows, from the allocation tables that the header names."""
        per_table = self._sector_size // 4
        slot, index = divmod(sector, per_table)
        if slot >= _HEADER_TABLE_SLOTS:
            return _LAST_REGULAR_SECTOR
        return int(struct.unpack_from("<I", self._sector(self._tables[slot]), index * 4)[0])
