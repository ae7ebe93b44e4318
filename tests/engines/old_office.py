"""Files of old Office programs, made byte by byte: compound files, Word, PowerPoint."""

import struct

_SECTOR = 512
_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SMALLEST = 4096
"""Smaller streams lie in a stream of their own; here all are filled up to this."""


def compound(streams: dict[str, bytes]) -> bytes:
    """An OLE compound file with these streams in its root."""
    padded = {
        n: d.ljust(max(_SMALLEST, -(-len(d) // _SECTOR) * _SECTOR), b"\0")
        for n, d in streams.items()
    }
    names = sorted(padded, key=lambda name: (len(name), name.upper()))
    directory_sectors = -(-(len(names) + 1) // 4)
    table = [_TABLE, *range(2, directory_sectors + 1), _END]
    entries = [
        _entry("Root Entry", 5, child=1 if names else _FREE, right=_FREE, start=_END, size=0)
    ]
    for number, name in enumerate(names, start=1):
        start, sectors = len(table), len(padded[name]) // _SECTOR
        table += [*range(start + 1, start + sectors), _END]
        right = number + 1 if number < len(names) else _FREE
        size = len(padded[name])
        entries.append(_entry(name, 2, child=_FREE, right=right, start=start, size=size))
    assert len(table) <= _SECTOR // 4
    header = struct.pack(
        "<8s16xHHHHH10xIIIIIIII",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        0x3E, 3, 0xFFFE, 9, 6,
        1, 1, 0, _SMALLEST, _END, 0, _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    allocation = struct.pack("<128I", *table, *[_FREE] * (128 - len(table)))
    directory = b"".join(entries).ljust(directory_sectors * _SECTOR, b"\0")
    return header + allocation + directory + b"".join(padded[name] for name in names)


def _entry(name: str, kind: int, *, child: int, right: int, start: int, size: int) -> bytes:
    wide = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<III", _FREE, right, child)
    return struct.pack("<64sHBB12s16x4x16xIQ", wide, len(wide), kind, 1, links, start, size)


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
