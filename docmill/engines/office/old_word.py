"""Second reading of Word 97 to 2003 documents (MS-DOC): notes, headers, comments, text boxes."""

import io
import re
import struct
from collections.abc import Iterator

from docmill.engines.office.comparison import missing
from docmill.engines.office.passages import Part, Reading

_WORD_97 = 0xC1
"""Minimum ``nFib``; older files have another layout."""
_WHICH_TABLE = 0x0200
_FLAGS, _COUNTS, _HEADER_PLACES, _CLX = 0x0A, 0x4C, 0xF2, 0x1A2
_COMPRESSED = 0x40000000
_MOST_CHARACTERS = 64 * 1024 * 1024
_STORIES = (
    Part.BODY,
    Part.FOOTNOTES,
    Part.HEADERS,
    None,
    Part.COMMENTS,
    Part.ENDNOTES,
    Part.TEXT_BOXES,
    Part.TEXT_BOXES,
)
"""Parts of the text of a document, in this order (MS-DOC 2.3). One is unused."""
_SEPARATORS = 6
_FOOTERS = frozenset({2, 3, 5})
"""Indexes of footers among the six stories of a section: even, odd and first pages."""
_FIELD = re.compile(r"\x13[^\x13\x14\x15]*\x14|\x13[^\x13\x14\x15]*\x15|[\x13\x14\x15]")
_MARKS = re.compile(r"[\x00-\x06\x08\x0e-\x1f]")
_BREAKS = re.compile(r"[\r\x07\x0b\x0c]+")
_DAMAGE = (OSError, ValueError, IndexError, struct.error, AttributeError, TypeError, LookupError)


def read_old_word(data: bytes, text: str, reading: Reading) -> None:
    """Add the content that xberg omits from a document of Word 97 to 2003.

    Args:
        data: the file.
        text: xberg's text without Markdown syntax.
        reading: receives the missing text.
    """
    try:
        stories = list(_stories(data))
    except _DAMAGE:
        return  # an unknown layout: the result of xberg stands
    for part, story in stories:
        lines = [line.strip() for line in _BREAKS.split(_plain(story)) if line.strip()]
        lost = missing(lines, text)
        if part is Part.BODY:
            for line in lost:
                reading.put_back(line)
        elif lost:
            reading.add(part, lost, 1 if part is Part.HEADERS else None)
        elif lines:
            reading.inventory[part] += 1


def _stories(data: bytes) -> Iterator[tuple[Part, str]]:
    import olefile  # noqa: PLC0415 - only for files of old Word

    with olefile.OleFileIO(io.BytesIO(data)) as file:
        main = file.openstream("WordDocument").read()
        version, flags = (struct.unpack_from("<H", main, n)[0] for n in (2, _FLAGS))
        if version < _WORD_97:
            return
        table = file.openstream("1Table" if flags & _WHICH_TABLE else "0Table").read()
    text = _text(main, table)
    start = 0
    for part, count in zip(_STORIES, struct.unpack_from("<8i", main, _COUNTS), strict=True):
        story = text[start : start + max(0, count)]
        if part is Part.HEADERS and story:
            yield from _running(story, main, table)
        elif part is not None and story:
            yield part, story
        start += max(0, count)


def _running(story: str, main: bytes, table: bytes) -> Iterator[tuple[Part, str]]:
    """Yield each distinct header and footer; the first stories are the lines above notes."""
    place, size = struct.unpack_from("<II", main, _HEADER_PLACES)
    ends = struct.unpack_from(f"<{size // 4}I", table, place)
    seen = set()
    for number in range(_SEPARATORS, len(ends) - 1):
        text = story[ends[number] : ends[number + 1]]
        part = Part.FOOTERS if number % 6 in _FOOTERS else Part.HEADERS
        if text.strip() and (part, text) not in seen:
            seen.add((part, text))
            yield part, text


def _text(main: bytes, table: bytes) -> str:
    """Assemble the text of all stories from its pieces (MS-DOC 2.4.1)."""
    place, size = struct.unpack_from("<II", main, _CLX)
    clx = table[place : place + size]
    at = 0
    while clx[at] == 1:
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    length = struct.unpack_from("<I", clx, at + 1)[0]
    pieces = clx[at + 5 : at + 5 + length]
    count = (length - 4) // 12
    bounds = struct.unpack_from(f"<{count + 1}I", pieces)
    if bounds[-1] > _MOST_CHARACTERS:
        raise ValueError("too many characters")
    found = []
    for number in range(count):
        characters = bounds[number + 1] - bounds[number]
        start = struct.unpack_from("<I", pieces, 4 * (count + 1) + 8 * number + 2)[0]
        if start & _COMPRESSED:
            start = (start & ~_COMPRESSED) // 2
            found.append(main[start : start + characters].decode("cp1252", "replace"))
        else:
            raw = main[start : start + 2 * characters]
            found.append(raw.decode("utf-16-le", "replace"))
    return "".join(found)


def _plain(story: str) -> str:
    """Return a story without field codes; the displayed results stay."""
    before = ""
    while before != story:
        before, story = story, _FIELD.sub("", story, count=0)
    return _MARKS.sub("", story)
