"""UTF-16 and UTF-32 without a byte order mark, told by what they decode to, in any script."""

import unicodedata
from functools import cache

SAMPLE = 8 * 1024
"""Bytes at the beginning that decide; a multiple of four."""

_ENCODINGS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
"""UTF-32 first: its bytes are also valid UTF-16 with every other character NUL."""
_SHARE = 0.9
"""Least share of ordinary characters. Text in eleven scripts has at least 0.97; 8-bit text and
binary data that is read as UTF-16 has at most 0.6."""
_MOST_CONTROLS = 0.01
_SPACE = frozenset("\t\n\r\f ")
_REPLACED = "\ufffd"
_LONG = 100
_BREAKS = frozenset("\t\n\r ,.;\u3000\u3001\u3002\uff0c")
"""Longer text has one of them: numbers of 16 bits that look like letters have none."""
_LEVEL_ONE = (("gb2312", 16, 55), ("big5", 4, 38), ("euc_jp", 16, 47))
"""Rows of everyday ideographs in the national sets; the other 14,000 hardly occur in text."""
_BIG5_FIRST_ROW = 0xA0
_EUC_FIRST_ROW = 0xA0


def wide_encoding(data: bytes) -> str | None:
    """Return the encoding of ``data`` when it is UTF-16 or UTF-32 without a mark, else None."""
    sample = data[:SAMPLE]
    if len(sample) < 4:  # noqa: PLR2004 - a single character says nothing
        return None
    shares = [(_share(sample, encoding), encoding) for encoding in _ENCODINGS]
    share, best = max(shares, key=lambda found: found[0])
    return best if share >= _SHARE else None


def _share(sample: bytes, encoding: str) -> float:
    """Share of characters that text is made of; 0 for what cannot be text in ``encoding``."""
    unit = 4 if encoding.startswith("utf-32") else 2
    text = sample[: len(sample) // unit * unit].decode(encoding, "replace")
    text = text.removesuffix(_REPLACED).rstrip("\0")  # a character that the sample cuts
    if not text:
        return 0.0
    if len(text) > _LONG and _BREAKS.isdisjoint(text):
        return 0.0
    kinds = [_ordinary(character) for character in text]
    if kinds.count(None) > len(kinds) * _MOST_CONTROLS:
        return 0.0
    return kinds.count(True) / len(kinds)


@cache
def _ordinary(character: str) -> bool | None:
    """Whether text often has ``character``; None for controls, what is none, and bad bytes."""
    if character in _SPACE:
        return True
    category = unicodedata.category(character)
    if character == _REPLACED or category in ("Cc", "Cn", "Co", "Cs"):
        return None
    code = ord(character)
    if 0x3400 <= code <= 0x9FFF:  # noqa: PLR2004 - ideographs
        return _everyday(character)
    if 0xAC00 <= code <= 0xD7AF:  # noqa: PLR2004 - Hangul syllables
        return _encodes(character, "euc_kr")
    if 0x0180 <= code <= 0x036F:  # noqa: PLR2004 - odd Latin, phonetics, combining accents
        return False
    # alphabets and punctuation; above them kana, wide forms and emoji
    return code < 0x2190 or 0x3000 <= code < 0x3130 or code >= 0xFE30  # noqa: PLR2004


def _everyday(character: str) -> bool:
    for charset, first, last in _LEVEL_ONE:
        try:
            row = character.encode(charset)[0] - _EUC_FIRST_ROW
        except UnicodeEncodeError:
            continue
        if first <= row <= last:
            return True
    return False


def _encodes(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True
