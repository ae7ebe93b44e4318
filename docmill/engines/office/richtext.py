"""Second reading of RTF: comments, which xberg omits."""

import re

from docmill.engines.office.passages import Part, Reading

_GROUP = re.compile(rb"\{\\\*\\(annotation)\b")
_CONTROL = re.compile(
    rb"\\u(-?\d+) ?(?:\\'[0-9a-fA-F]{2}|[^\\{}])?"  # a character and its fallback for old readers
    rb"|\\'([0-9a-fA-F]{2})|\\([a-z]+)(-?\d+)? ?|\\(.)|[{}\r\n]",
    re.S,
)
_CODEPAGE = re.compile(rb"\\ansicpg(\d+)")
_MAX_COMMENT = 64 * 1024
"""Bytes of one comment that are read."""
_BREAKS = frozenset({b"par", b"line", b"tab"})


def read_rich_text(data: bytes, reading: Reading) -> None:
    """Add the comments of an RTF document."""
    stated = _CODEPAGE.search(data[:4096])
    charset = f"cp{stated[1].decode()}" if stated else "cp1252"
    for found in _GROUP.finditer(data):
        comment = _plain(_balanced(data, found.start()), charset)
        reading.add(Part.COMMENTS, [comment])


def _balanced(data: bytes, start: int) -> bytes:
    """Return the group at ``start`` without its destinations that hold no text."""
    depth = 0
    place = start
    end = min(len(data), start + _MAX_COMMENT)
    while place < end:
        letter = data[place]
        if letter == ord("\\"):
            place += 2
            continue
        depth += (letter == ord("{")) - (letter == ord("}"))
        place += 1
        if depth == 0:
            break
    return data[start + 1 : place - 1]


def _plain(group: bytes, charset: str) -> str:
    body = re.sub(rb"\{\\\*\\[a-z]+[^{}]*\}", b"", group.replace(b"\\*\\annotation", b"", 1))

    def replace(control: re.Match[bytes]) -> bytes:
        code, octet, word, _, literal = control.groups()
        if code is not None:
            return chr(int(code) % 65536).encode("utf-8", "replace")
        if octet is not None:
            try:
                return bytes([int(octet, 16)]).decode(charset).encode()
            except (LookupError, UnicodeDecodeError):
                return b"?"
        if literal is not None:
            return literal if literal in b"\\{}" else b" " if literal == b"~" else b""
        return b" " if word in _BREAKS else b""

    return _CONTROL.sub(replace, body).decode("utf-8", "replace")
