"""Files of old Office programs, built byte by byte: compound files, Word, PowerPoint."""

import struct
from dataclasses import dataclass

_SECTOR = 512
_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SMALLEST = 4096
"""Smaller streams lie in a stream of their own; here all are filled up to this."""


Storage = dict[str, "bytes | Storage"]


def compound(root: Storage) -> bytes:
    """An OLE compound file with these streams and storages."""
    rows: list[_Row] = [_Row("Root Entry", 5)]
    rows[0].child = _list(root, rows)
    directory_sectors = -(-len(rows) // 4)
    table = [_TABLE, *range(2, directory_sectors + 1), _END]
    for row in rows:
        if row.data:
            row.start = len(table)
            table += [*range(row.start + 1, row.start + len(row.data) // _SECTOR), _END]
    assert len(table) <= _SECTOR // 4, "more than one allocation table"
    header = struct.pack(
        "<8s16xHHHHH10xIIIIIIII",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        0x3E, 3, 0xFFFE, 9, 6,
        1, 1, 0, _SMALLEST, _END, 0, _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    allocation = struct.pack("<128I", *table, *[_FREE] * (128 - len(table)))
    directory = b"".join(row.entry for row in rows).ljust(directory_sectors * _SECTOR, b"\0")
    return header + allocation + directory + b"".join(row.data for row in rows)


@dataclass
class _Row:
    """An entry of the directory, and what it leads to."""

    name: str
    kind: int
    data: bytes = b""
    child: int = _FREE
    right: int = _FREE
    start: int = _END

    @property
    def entry(self) -> bytes:
        wide = self.name.encode("utf-16-le") + b"\0\0"
        links = struct.pack("<III", _FREE, self.right, self.child)
        place = struct.pack("<IQ", self.start, len(self.data))
        return struct.pack("<64sHBB12s36x12s", wide, len(wide), self.kind, 1, links, place)


def _list(storage: Storage, rows: list[_Row]) -> int:
    """Add a storage's entries, each as the right neighbour of the one before; return the first."""
    before: _Row | None = None
    first = _FREE
    for name in sorted(storage, key=lambda name: (len(name), name.upper())):
        content = storage[name]
        filled = content.ljust(_SMALLEST, b"\0") if isinstance(content, bytes) else b""
        row = _Row(name, 2 if filled else 1, filled + b"\0" * (-len(filled) % _SECTOR))
        rows.append(row)
        if before is None:
            first = len(rows) - 1
        else:
            before.right = len(rows) - 1
        if not isinstance(content, bytes):
            row.child = _list(content, rows)
        before = row
    return first


def doc(body: str, *, notes: str = "", running: tuple[str, ...] = (), comments: str = "") -> bytes:
    """A document of Word 97: body, footnotes, the six running stories of a section, comments."""
    body += "\r"
    stories = ["", "", "", "", "", "", *(f"{text}\r" if text else "" for text in running)]
    headers = "".join(stories) + "\r" if running else ""
    text = body + notes + headers + comments + "\r"
    place = 0x800
    main = bytearray(place)
    struct.pack_into("<HH", main, 0, 0xA5EC, 0xC1)
    struct.pack_into("<H", main, 0x0A, 0x0200)
    struct.pack_into("<II", main, 0x18, place, place + 2 * len(text))
    struct.pack_into("<HH", main, 0x20, 14, 0)
    struct.pack_into("<H", main, 0x3E, 22)
    counts = [len(body), len(notes), len(headers), 0, len(comments), 0, 0, 0]
    struct.pack_into("<8i", main, 0x4C, *counts)
    struct.pack_into("<H", main, 0x98, 0x5D)
    pieces = struct.pack("<II", 0, len(text)) + struct.pack("<HIH", 0, place, 0)
    clx = b"\x02" + struct.pack("<I", len(pieces)) + pieces
    struct.pack_into("<II", main, 0x1A2, 0, len(clx))
    ends = [0]
    for story in stories:
        ends.append(ends[-1] + len(story))
    table = clx
    if running:
        listed = struct.pack(f"<{len(ends) + 1}I", *ends, len(headers))
        struct.pack_into("<II", main, 0xF2, len(clx), len(listed))
        table += listed
    return compound({"WordDocument": bytes(main) + text.encode("utf-16-le"), "1Table": table})


def ppt(token: int) -> bytes:
    """A presentation of PowerPoint 97 without slides, with the token that says its protection."""
    user = struct.pack("<HHIIIIHH", 0, 0x0FF6, 28, 20, token, 0, 0, 0x03F4)
    return compound({"Current User": user, "PowerPoint Document": b"\0" * 64})


def message(subject: str, body: str, **attachments: Storage) -> Storage:
    """A message of Outlook, as a storage."""
    listed: Storage = {
        f"__attach_version1.0_#{number:08X}": {"__properties_version1.0": b"\0" * 8, **storage}
        for number, storage in enumerate(attachments.values())
    }
    return {
        "__properties_version1.0": b"\0" * 32,
        "__substg1.0_001A001F": "IPM.Note".encode("utf-16-le"),
        "__substg1.0_0037001F": subject.encode("utf-16-le"),
        "__substg1.0_1000001F": body.encode("utf-16-le"),
        **listed,
    }
