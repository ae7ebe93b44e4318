"""Bytes to text: which files are text at all, and in which character set.

The order of decision: byte order mark, structure of UTF-16 and UTF-32, what the file states, the
escapes of ISO-2022, UTF-8 with few bad bytes, and last a guess by all bytes that are not ASCII.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from docmill.contracts.warnings import ResultWarning, WarningCode, warning

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_WESTERN = "cp1252"
_REPLACED = "\ufffd"

STATED_AREA = 16 * 1024
"""Bytes at the beginning in which a file may state its character set."""
_COMMENT = re.compile(rb"<!--.*?-->", re.S)
_XML_STATES = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']\s*([\w.:-]+)""")
_META_STATES = re.compile(rb"""<meta\s[^>]*?charset\s*=\s*["']?\s*([\w.:-]+)""", re.I)
_SHEET_STATES = re.compile(rb"""@charset\s+["']([\w.:-]+)["']""")
_EDITOR_STATES = re.compile(
    rb"(?:[^\r\n]{0,200}[\r\n]{1,2})?[^\r\n]{0,40}-\*-.{0,40}?coding:\s*([\w.-]+)"
)
"""In the first two lines, as Emacs writes and Python reads it."""

_CODECS = {
    # what is written under these labels is mostly the superset
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "iso8859-1": _WESTERN,
    "ascii": _WESTERN,
}
_NOT_TEXT = frozenset(
    ["idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"]
)
"""Codecs that are no character set of a file."""

_ISO_2022 = (
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"\x1b(?:\$[@B]|\$\([@BDOPQ]|\([IJ])"), "iso2022_jp_ext"),
)
"""The escapes that begin Korean and Japanese text (RFC 1557, RFC 1468 and its extensions)."""
_ESCAPE = b"\x1b"
_HZ = re.compile(rb"~\{(?:[!-w][!-~])+~\}")
"""Chinese between tildes and braces (RFC 1843)."""

_VALID_PER_BAD = 2
"""UTF-8 has at least so many valid sequences for each bad one behind the first. Text of 26
languages in 30 old character sets has one valid sequence by chance for two bad ones at most."""
_FEW_SEQUENCES = 6
"""UTF-8 sequences that text in an East Asian character set has by chance at most."""
_STATED_BAD = 0.1
"""Most of the characters beyond ASCII that a stated character set may fail to decode."""

_TEXT_CONTROLS = frozenset(b"\t\n\r\f\b\x1b")
_MAX_CONTROL_RATIO = 0.01
"""Stray control characters happen in real text files; in binary data they are a tenth."""
_MAX_NUL_RATIO = 0.5
"""NULs between fields happen as well; more of them are a binary format."""
_SEPARATORS = (b"\x01", b"\x1f")
"""Control characters that programs write between the fields of a row."""
_SHIFTS = b"\x0e\x0f"
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS and byte)


class CharsetSource(StrEnum):
    """How a character set was decided."""

    MARK = "mark"
    STRUCTURE = "structure"
    DECLARED = "declared"
    UTF8 = "utf-8"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a character set may be.

    Attributes:
        encoding: Python's name.
        confidence: 0..1; good guesses from short text have little of it.
    """

    encoding: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of some bytes.

    Attributes:
        text: without a byte order mark and without NULs at its end.
        charset: Python's name of its character set.
        source: how that was decided.
        replaced: places that could not be decoded; each is U+FFFD in the text.
        confidence: of a guess, 0..1; None for everything else.
    """

    text: str
    charset: str
    source: CharsetSource
    replaced: int = 0
    confidence: float | None = None

    @property
    def warnings(self) -> list[ResultWarning]:
        """What a reader should know."""
        found = []
        if self.replaced:
            message = (
                f"Bytes at {self.replaced} places are no text in {self.charset}; "
                "U+FFFD stands for them."
            )
            found.append(warning(WarningCode.BYTES_REPLACED, message))
        if self.confidence is not None:
            message = (
                f"The file does not say its character set: {self.charset} is a guess "
                f"(confidence {self.confidence:.2f})."
            )
            found.append(warning(WarningCode.CHARSET_GUESSED, message))
        return found

    @property
    def facts(self) -> dict[str, str]:
        """The character set and how it was decided, for a result's metadata."""
        return {"charset": self.charset, "charset_source": self.source.value}

    @property
    def inventory(self) -> dict[str, int]:
        """What of the source could not be decoded, for a result's inventory."""
        return {"undecoded": self.replaced}


def looks_like_text(head: bytes) -> bool:
    """Say whether ``head``, the beginning of a file, can be text in any character set."""
    return _byte_order_mark(head) is not None or _is_narrow(head) or wide_encoding(head) is not None


def decode(data: bytes, *, markup: bool = False) -> Decoded:
    """Return the text of ``data``, and what is known of its character set.

    What cannot be decoded is replaced: a text file is never refused for one broken byte.

    Args:
        data: a whole file.
        markup: whether it is HTML, which may state its character set in a meta element.
    """
    return _without_nuls(_decode(data, markup=markup))


def _decode(data: bytes, *, markup: bool) -> Decoded:
    if encoding := _byte_order_mark(data):
        return _replacing(data, encoding, CharsetSource.MARK)
    sample = data[:WIDE_SAMPLE]
    if (b"\0" in sample or not _is_narrow(sample)) and (encoding := wide_encoding(sample)):
        return _replacing(data, encoding, CharsetSource.STRUCTURE)
    if found := _declared(data, markup=markup) or _escaped(data) or _utf_8(data):
        return found
    guessed = guess_charset(data)
    return _replacing(data, guessed.encoding, CharsetSource.GUESS, guessed)


def decode_head(head: bytes) -> str:
    """Return the text at the beginning of a file, whose last character may be cut."""
    return decode(head, markup=True).text


def _byte_order_mark(data: bytes) -> str | None:
    return next((name for mark, name in _BOMS if data.startswith(mark)), None)


def _is_narrow(head: bytes) -> bool:
    """Whether ``head`` can be text of 8-bit characters; NULs behind it are padding."""
    text = head.rstrip(b"\0")
    nuls = text.count(b"\0")
    controls = len(text) - len(text.translate(None, _CONTROLS))
    if _ESCAPE in text:
        controls -= text.count(_SHIFTS[:1]) + text.count(_SHIFTS[1:])  # ISO-2022-KR shifts by them
    controls -= sum(text.count(one) for one in _SEPARATORS if _is_on_every_line(one, text))
    return (
        bool(text)
        and nuls <= len(text) * _MAX_NUL_RATIO
        and controls <= (len(text) - nuls) * _MAX_CONTROL_RATIO
    )


def _is_on_every_line(separator: bytes, text: bytes) -> bool:
    """Whether a control character stands between fields; the last line may be cut."""
    if separator not in text:
        return False
    lines = text.splitlines()
    return len(lines) > 1 and all(separator in line for line in lines[:-1])


def _declared(data: bytes, *, markup: bool) -> Decoded | None:
    """The text by the character set that the file states, if it is that."""
    codec = _stated(data[:STATED_AREA], markup=markup)
    if codec is None:
        return None
    found = _replacing(data, codec, CharsetSource.DECLARED)
    beyond = _beyond_ascii(found.text)
    if found.replaced > beyond * _STATED_BAD:
        # one bad byte in a short text is no proof against what is stated
        return found if found.replaced == 1 and beyond > 1 else None
    utf_8 = None if codec == "utf-8" else _utf_8(data)
    if utf_8 is None or utf_8.replaced:
        return found
    sequences = _beyond_ascii(utf_8.text)
    enough = 1 if codec == _WESTERN else _FEW_SEQUENCES
    return utf_8 if sequences >= enough else found


def _stated(head: bytes, *, markup: bool) -> str | None:
    found = _XML_STATES.match(head) or _SHEET_STATES.match(head) or _EDITOR_STATES.match(head)
    if found is None and markup:
        found = _META_STATES.search(_COMMENT.sub(b"", head))
    return codec_of(found[1].decode("ascii", "replace")) if found else None


def codec_of(label: str) -> str | None:
    """Return Python's codec for a character set's label as browsers read it, or None."""
    import webencodings  # noqa: PLC0415 - only where a file states one

    encoding = webencodings.lookup(label)
    name = encoding.codec_info.name if encoding else label.lower()
    if name == "replacement":  # browsers refuse ISO-2022-KR and HZ for safety; text is no risk
        name = label.lower()
    try:
        info = codecs.lookup(name)
        b"a".decode(name, "replace")  # a codec, but not of text, says so here
    except LookupError:
        return None
    name = info.name
    if name.replace("_", "-") in _NOT_TEXT:
        return None
    if name.startswith(("utf-16", "utf-32")):
        return "utf-8"  # what states it in bytes of ASCII is not that (HTML, section 13.2.3.2)
    return _CODECS.get(name, name)


def _escaped(data: bytes) -> Decoded | None:
    """The text of ISO-2022 and HZ: bytes of ASCII that change their meaning by escapes."""
    escapes = [*_ISO_2022] if _ESCAPE in data else []
    if b"~{" in data:
        escapes.append((_HZ, "hz"))
    for escape, codec in escapes:
        if escape.search(data):
            found = _replacing(data, codec, CharsetSource.STRUCTURE)
            if found.replaced <= _beyond_ascii(found.text) * _STATED_BAD:
                return found
    return None


def _utf_8(data: bytes) -> Decoded | None:
    """The text of UTF-8 that may have bad bytes, unless they are too many for that."""
    found = _replacing(data, "utf-8", CharsetSource.UTF8)
    valid = _beyond_ascii(found.text) - found.replaced
    needed = max(1, (found.replaced - 1) * _VALID_PER_BAD)
    return found if not found.replaced or valid >= needed else None


def _beyond_ascii(text: str) -> int:
    return 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))


def _replacing(
    data: bytes, encoding: str, source: CharsetSource, guessed: Guess | None = None
) -> Decoded:
    text = data.decode(encoding, errors="replace")
    replaced = 0
    if _REPLACED in text:
        replaced = max(text.count(_REPLACED) - data.count(_REPLACED.encode()), 0)
    confidence = guessed.confidence if guessed else None
    return Decoded(text.removeprefix("\ufeff"), encoding, source, replaced, confidence)


def _without_nuls(found: Decoded) -> Decoded:
    """NUL is no character of text: at the end it is padding, elsewhere it is replaced."""
    if "\0" not in found.text:
        return found
    text = found.text.rstrip("\0")
    replaced = found.replaced + text.count("\0")
    return replace(found, text=text.replace("\0", _REPLACED), replaced=replaced)


_GUESS_SAMPLE = 256 * 1024
"""Bytes of lines beyond ASCII that are looked at; of longer files they come from all parts."""
_GUESS_PARTS = 64
_GUESS_LINE = 1024
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_GUESS_CANDIDATES = 12

_LOW_CONFIDENCE = 0.2
"""Below it the library's first choice is often one of several that decode equally well."""
_WESTERN_CHARACTERS = frozenset(
    "äöüßÄÖÜéèêëàâáãåçîïíìôóòõøùûúñæœÉÈÀÂÁÇÊÎÔÓÚÑÅØÆŒ€£§°±²³µ·¹º½¼¾«»…•¡¿©®™\xa0"
    "\u201e\u201c\u201d\u2018\u2019\u201a\u2039\u203a\u2013\u2014\xb4"  # quotes and dashes
)
"""What Western European text has beyond ASCII; letters of Iceland and capitals with odd accents
are left out, for text of other regions has them when it is read as Western."""
_WORD = re.compile(r"[^\W\d_]+")
_GUESS_WORDS = 20_000


def guess_charset(data: bytes) -> Guess:
    """Return the likeliest character set of ``data``, judged by all lines that are not ASCII."""
    import chardet  # noqa: PLC0415 - rarely needed, and large

    sample = b"\n".join(_lines_beyond_ascii(data))
    found = chardet.detect_all(
        sample,
        ignore_threshold=True,
        encoding_era=chardet.EncodingEra.ALL & ~chardet.EncodingEra.MAINFRAME,
        max_bytes=len(sample) + 1,
    )
    named = [Guess(str(one["encoding"]), one["confidence"]) for one in found if one["encoding"]]
    sound = [one for one in named[:_GUESS_CANDIDATES] if _is_plausible(sample, one.encoding)]
    best = (sound or named or [Guess(_WESTERN, 0.0)])[0]
    if best.confidence < _LOW_CONFIDENCE and _is_western(sample):
        best = Guess(_WESTERN, best.confidence)
    return Guess(_superset(best.encoding), round(min(best.confidence, 1.0), 2))


def _lines_beyond_ascii(data: bytes) -> Iterator[bytes]:
    """Lines with bytes beyond ASCII from all parts of the file, `_GUESS_SAMPLE` bytes at most."""
    parts = _GUESS_PARTS if len(data) > _GUESS_SAMPLE else 1
    size = -(-len(data) // parts)
    for start in range(0, len(data), size):
        room, position, end = _GUESS_SAMPLE // parts, start, start + size
        while room > 0 and (found := _BEYOND_ASCII.search(data, position, end)):
            begin = max(data.rfind(b"\n", position, found.start()) + 1, position)
            begin = max(begin, found.start() - _GUESS_LINE)
            stop = data.find(b"\n", found.start())
            position = min(len(data) if stop < 0 else stop, found.start() + _GUESS_LINE)
            yield data[begin:position]
            room -= position - begin


def _is_plausible(sample: bytes, encoding: str) -> bool:
    """Whether nearly all of ``sample`` decodes, and no word mixes Latin with another alphabet."""
    text = sample.decode(encoding, "replace")
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    if text.count("\ufffd") * 20 > beyond:
        return False
    words = [word for word in _WORD.findall(text)[:_GUESS_WORDS] if not word.isascii()]
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
    return all(character.isascii() or character in _WESTERN_CHARACTERS for character in text)


def _superset(encoding: str) -> str:
    """The set that browsers and Windows read under this name."""
    import webencodings  # noqa: PLC0415 - as above

    known = webencodings.lookup(encoding)
    name = known.codec_info.name if known else codecs.lookup(encoding).name
    return "gb18030" if name in ("gbk", "gb2312") else name


WIDE_SAMPLE = 8 * 1024
"""Bytes at the beginning that decide; a multiple of four."""

_WIDE_ENCODINGS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
"""UTF-32 first: its bytes are also valid UTF-16 with every other character NUL."""
_WIDE_SHARE = 0.9
"""Least share of ordinary characters. Text in eleven scripts has at least 0.97; 8-bit text and
binary data that is read as UTF-16 has at most 0.6."""
_MAX_CONTROLS = 0.01
_SPACE = frozenset("\t\n\r\f ")
_LONG_TEXT = 100
_WORD_BREAKS = frozenset("\t\n\r ,.;\u3000\u3001\u3002\uff0c")
"""Longer text has one of them: numbers of 16 bits that look like letters have none."""
_COMMON_IDEOGRAPHS = (("gb2312", 16, 55), ("big5", 4, 38), ("euc_jp", 16, 47))
"""Rows of everyday ideographs in the national sets; the other 14,000 hardly occur in text."""
_BIG5_FIRST_ROW = 0xA0
_EUC_FIRST_ROW = 0xA0


def wide_encoding(data: bytes) -> str | None:
    """Return the encoding of ``data`` when it is UTF-16 or UTF-32 without a mark, else None."""
    sample = data[:WIDE_SAMPLE]
    if len(sample) < 4:  # noqa: PLR2004 - a single character says nothing
        return None
    shares = [(_wide_share(sample, encoding), encoding) for encoding in _WIDE_ENCODINGS]
    share, best = max(shares, key=lambda found: found[0])
    return best if share >= _WIDE_SHARE else None


def _wide_share(sample: bytes, encoding: str) -> float:
    """Share of characters that text is made of; 0 for what cannot be text in ``encoding``."""
    unit = 4 if encoding.startswith("utf-32") else 2
    text = sample[: len(sample) // unit * unit].decode(encoding, "replace")
    text = text.removesuffix(_REPLACED).rstrip("\0")  # a character that the sample cuts
    if not text:
        return 0.0
    if len(text) > _LONG_TEXT and _WORD_BREAKS.isdisjoint(text):
        return 0.0
    kinds = [_is_ordinary(character) for character in text]
    if kinds.count(None) > len(kinds) * _MAX_CONTROLS:
        return 0.0
    return kinds.count(True) / len(kinds)


@cache
def _is_ordinary(character: str) -> bool | None:
    """Whether text often has ``character``; None for controls, what is none, and bad bytes."""
    if character in _SPACE:
        return True
    category = unicodedata.category(character)
    if character == _REPLACED or category in ("Cc", "Cn", "Co", "Cs"):
        return None
    code = ord(character)
    if 0x3400 <= code <= 0x9FFF:  # noqa: PLR2004 - ideographs
        return _is_common_ideograph(character)
    if 0xAC00 <= code <= 0xD7AF:  # noqa: PLR2004 - Hangul syllables
        return _is_encodable(character, "euc_kr")
    if 0x0180 <= code <= 0x036F:  # noqa: PLR2004 - odd Latin, phonetics, combining accents
        return False
    # alphabets and punctuation; above them kana, wide forms and emoji
    return code < 0x2190 or 0x3000 <= code < 0x3130 or code >= 0xFE30  # noqa: PLR2004


def _is_common_ideograph(character: str) -> bool:
    for charset, first, last in _COMMON_IDEOGRAPHS:
        try:
            row = character.encode(charset)[0] - _EUC_FIRST_ROW
        except UnicodeEncodeError:
            continue
        if first <= row <= last:
            return True
    return False


def _is_encodable(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True
