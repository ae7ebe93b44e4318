"""A guess at the character set of text that states none and is not UTF-8."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_WESTERN = "cp1252"
_SAMPLE = 256 * 1024
"""Bytes of lines beyond ASCII that are looked at; of longer files they come from all parts."""
_PARTS = 64
_LONGEST_LINE = 1024
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_CANDIDATES = 12

_UNSURE = 0.2
"""Below it the library's first choice is often one of several that decode equally well."""
_WESTERN_SIGNS = frozenset(
    "äöüßÄÖÜéèêëàâáãåçîïíìôóòõøùûúñæœÉÈÀÂÁÇÊÎÔÓÚÑÅØÆŒ€£§°±²³µ·¹º½¼¾«»…•¡¿©®™\xa0"
    "\u201e\u201c\u201d\u2018\u2019\u201a\u2039\u203a\u2013\u2014\xb4"  # quotes and dashes
)
"""What Western European text has beyond ASCII; letters of Iceland and capitals with odd accents
are left out, for text of other regions has them when it is read as Western."""
_WORD = re.compile(r"[^\W\d_]+")
_WORDS_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True)
class Guess:
    """What a character set may be.

    Attributes:
        encoding: Python's name.
        confidence: 0..1; good guesses from short text have little of it.
    """

    encoding: str
    confidence: float


def guess(data: bytes) -> Guess:
    """Return the likeliest character set of ``data``, judged by all lines that are not ASCII."""
    import chardet  # noqa: PLC0415 - rarely needed, and large

    sample = b"\n".join(_lines(data))
    found = chardet.detect_all(
        sample,
        ignore_threshold=True,
        encoding_era=chardet.EncodingEra.ALL & ~chardet.EncodingEra.MAINFRAME,
        max_bytes=len(sample) + 1,
    )
    named = [Guess(str(one["encoding"]), one["confidence"]) for one in found if one["encoding"]]
    sound = [one for one in named[:_CANDIDATES] if _is_sound(sample, one.encoding)]
    best = (sound or named or [Guess(_WESTERN, 0.0)])[0]
    if best.confidence < _UNSURE and _is_western(sample):
        best = Guess(_WESTERN, best.confidence)
    return Guess(_superset(best.encoding), round(min(best.confidence, 1.0), 2))


def _lines(data: bytes) -> Iterator[bytes]:
    """Lines with bytes beyond ASCII from all parts of the file, `_SAMPLE` bytes at most."""
    parts = _PARTS if len(data) > _SAMPLE else 1
    size = -(-len(data) // parts)
    for start in range(0, len(data), size):
        room, position, end = _SAMPLE // parts, start, start + size
        while room > 0 and (found := _BEYOND_ASCII.search(data, position, end)):
            begin = max(data.rfind(b"\n", position, found.start()) + 1, position)
            begin = max(begin, found.start() - _LONGEST_LINE)
            stop = data.find(b"\n", found.start())
            position = min(len(data) if stop < 0 else stop, found.start() + _LONGEST_LINE)
            yield data[begin:position]
            room -= position - begin


def _is_sound(sample: bytes, encoding: str) -> bool:
    """Whether nearly all of ``sample`` decodes, and no word mixes Latin with another alphabet."""
    text = sample.decode(encoding, "replace")
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    if text.count("\ufffd") * 20 > beyond:
        return False
    words = [word for word in _WORD.findall(text)[:_WORDS_LOOKED_AT] if not word.isascii()]
    mixed = sum(1 for word in words if len({_alphabet(letter) for letter in word}) > 1)
    return mixed * 10 <= len(words)


def _alphabet(letter: str) -> str:
    """The script of a letter; East Asian ones are one, for they stand together."""
    if letter.isascii():
        return "LATIN"
    script = unicodedata.name(letter, "").split(" ")[0]
    return script if script in ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC", "THAI") else ""


def _is_western(sample: bytes) -> bool:
    text = sample.decode(_WESTERN, "replace")
    return all(character.isascii() or character in _WESTERN_SIGNS for character in text)


def _superset(encoding: str) -> str:
    """The set that browsers and Windows read under this name."""
    import webencodings  # noqa: PLC0415 - as above

    known = webencodings.lookup(encoding)
    name = known.codec_info.name if known else codecs.lookup(encoding).name
    return "gb18030" if name in ("gbk", "gb2312") else name
