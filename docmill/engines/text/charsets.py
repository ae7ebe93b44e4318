"""Character sets: recognition of text files, detection of their encoding, and decoding.

The order of detection: byte order mark, structure of UTF-16 and UTF-32, stated charset, escapes of
ISO-2022, UTF-8 with few bad bytes, and finally a guess from all lines with bytes beyond ASCII.
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
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is a prefix of it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_WESTERN = "cp1252"
_REPLACED = "\ufffd"

STATED_AREA = 16 * 1024
"""Bytes at the beginning in which a file may state its charset."""
_COMMENT = re.compile(rb"<!--.*?-->", re.S)
_XML_STATES = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']\s*([\w.:-]+)""")
_META_STATES = re.compile(rb"""<meta\s[^>]*?charset\s*=\s*["']?\s*([\w.:-]+)""", re.I)
_SHEET_STATES = re.compile(rb"""@charset\s+["']([\w.:-]+)["']""")
_EDITOR_STATES = re.compile(
    rb"(?:[^\r\n]{0,200}[\r\n]{1,2})?[^\r\n]{0,40}-\*-.{0,40}?coding:\s*([\w.-]+)"
)
"""A declaration in the first two lines, as Emacs writes and Python reads it."""

_CODECS = {
    # text with these labels mostly uses the superset
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "iso8859-1": _WESTERN,
    "ascii": _WESTERN,
}
_NOT_TEXT = frozenset(
    ["idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"]
)
"""Codecs of Python that are no charset of a file."""

_ISO_2022 = (
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"\x1b(?:\$[@B]|\$\([@BDOPQ]|\([IJ])"), "iso2022_jp_ext"),
)
"""Escapes at the beginning of Korean and Japanese text (RFC 1557, RFC 1468 and extensions)."""
_ESCAPE = b"\x1b"
_HZ = re.compile(rb"~\{(?:[!-w][!-~])+~\}")
"""Chinese between tildes and braces (RFC 1843)."""

_VALID_PER_BAD = 2
"""Minimum ratio of valid to bad sequences in UTF-8. Text of 26 languages in 30 legacy charsets
has at most one valid sequence by chance for two bad ones."""
_FEW_SEQUENCES = 6
"""Maximum of valid UTF-8 sequences by chance in text in an East Asian charset."""
_STATED_BAD = 0.1
"""Maximum share of the non-ASCII characters that a stated charset may fail to decode."""

_TEXT_CONTROLS = frozenset(b"\t\n\r\f\b\x1b")
_MAX_CONTROL_RATIO = 0.01
"""Text files contain stray control characters; in binary data they are about a tenth."""
_MAX_NUL_RATIO = 0.5
"""Text files contain NULs between fields; a higher ratio indicates a binary format."""
_SEPARATORS = (b"\x01", b"\x1f")
"""Control characters that separate the fields of a row."""
_SHIFTS = b"\x0e\x0f"
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS and byte)


class CharsetSource(StrEnum):
    """Method by which a charset was detected."""

    MARK = "mark"
    STRUCTURE = "structure"
    DECLARED = "declared"
    UTF8 = "utf-8"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Guess:
    """A guessed charset.

    Attributes:
        encoding: name of Python's codec.
        confidence: 0..1. It is low for short text, even when the guess is right.
    """

    encoding: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded text of a file.

    Attributes:
        text: text without byte order mark and without trailing NULs.
        charset: name of Python's codec.
        source: method by which the charset was detected.
        replaced: number of places that could not be decoded; each is U+FFFD in the text.
        confidence: 0..1 for a guess; None otherwise.
    """

    text: str
    charset: str
    source: CharsetSource
    replaced: int = 0
    confidence: float | None = None

    @property
    def warnings(self) -> list[ResultWarning]:
        """Warnings about replaced bytes and guessed charsets."""
        found = []
        if self.replaced:
            message = (
                f"Bytes at {self.replaced} places are not valid {self.charset}; "
                "they were replaced by U+FFFD."
            )
            found.append(warning(WarningCode.BYTES_REPLACED, message))
        if self.confidence is not None:
            message = (
                f"The file does not state its charset; it was read as {self.charset}, a guess "
                f"with confidence {self.confidence:.2f}."
            )
            found.append(warning(WarningCode.CHARSET_GUESSED, message))
        return found

    @property
    def facts(self) -> dict[str, str]:
        """The charset and its source, for the metadata of a result."""
        return {"charset": self.charset, "charset_source": self.source.value}

    @property
    def inventory(self) -> dict[str, int]:
        """Number of undecodable places, for the inventory of a result."""
        return {"undecoded": self.replaced}


def looks_like_text(head: bytes) -> bool:
    """Return whether ``head``, the beginning of a file, can be text in any charset."""
    return _byte_order_mark(head) is not None or _is_narrow(head) or wide_encoding(head) is not None


def decode(data: bytes, *, markup: bool = False) -> Decoded:
    """Decode the bytes of a text file.

    Undecodable bytes are replaced; no text file is rejected because of them.

    Args:
        data: the whole file.
        markup: whether it is HTML, which may state its charset in a meta element.
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
    """Decode the beginning of a file, whose last character may be cut."""
    return decode(head, markup=True).text


def _byte_order_mark(data: bytes) -> str | None:
    return next((name for mark, name in _BOMS if data.startswith(mark)), None)


def _is_narrow(head: bytes) -> bool:
    """Return whether ``head`` can be text in a charset of bytes. Trailing NULs are padding."""
    text = head.rstrip(b"\0")
    nuls = text.count(b"\0")
    controls = len(text) - len(text.translate(None, _CONTROLS))
    if _ESCAPE in text:
        controls -= text.count(_SHIFTS[:1]) + text.count(_SHIFTS[1:])  # shifts of ISO-2022-KR
    controls -= sum(text.count(one) for one in _SEPARATORS if _is_on_every_line(one, text))
    return (
        bool(text)
        and nuls <= len(text) * _MAX_NUL_RATIO
        and controls <= (len(text) - nuls) * _MAX_CONTROL_RATIO
    )


def _is_on_every_line(separator: bytes, text: bytes) -> bool:
    """Return whether a control character occurs on every line; the last line may be cut."""
    if separator not in text:
        return False
    lines = text.splitlines()
    return len(lines) > 1 and all(separator in line for line in lines[:-1])


def _declared(data: bytes, *, markup: bool) -> Decoded | None:
    """Decode by the stated charset, if the bytes agree with it."""
    codec = _stated(data[:STATED_AREA], markup=markup)
    if codec is None:
        return None
    found = _replacing(data, codec, CharsetSource.DECLARED)
    beyond = _beyond_ascii(found.text)
    if found.replaced > beyond * _STATED_BAD:
        # one bad byte in a short text does not disprove the stated charset
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
    """Return Python's codec for a label of a charset, as browsers resolve it, or None."""
    import webencodings  # noqa: PLC0415 - loaded only for a stated charset

    encoding = webencodings.lookup(label)
    name = encoding.codec_info.name if encoding else label.lower()
    if name == "replacement":  # browsers reject ISO-2022-KR and HZ
        name = label.lower()
    try:
        info = codecs.lookup(name)
        b"a".decode(name, "replace")  # codecs that do not decode text fail here
    except LookupError:
        return None
    name = info.name
    if name.replace("_", "-") in _NOT_TEXT:
        return None
    if name.startswith(("utf-16", "utf-32")):
        return "utf-8"  # a declaration readable as ASCII rules out UTF-16 (HTML 13.2.3.2)
    return _CODECS.get(name, name)


def _escaped(data: bytes) -> Decoded | None:
    """Decode ISO-2022 and HZ, whose escapes change the meaning of ASCII bytes."""
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
    """Decode UTF-8, unless too many bytes are bad."""
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
    """Remove trailing NULs, which are padding, and replace the others."""
    if "\0" not in found.text:
        return found
    text = found.text.rstrip("\0")
    replaced = found.replaced + text.count("\0")
    return replace(found, text=text.replace("\0", _REPLACED), replaced=replaced)


_GUESS_SAMPLE = 256 * 1024
"""Bytes of lines beyond ASCII that are examined. In larger files they come from all parts."""
_GUESS_PARTS = 64
_GUESS_LINE = 1024
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_GUESS_CANDIDATES = 12

_LOW_CONFIDENCE = 0.2
"""Below this confidence, several charsets often decode the sample equally well."""
_WESTERN_CHARACTERS = frozenset(
    "äöüßÄÖÜéèêëàâáãåçîïíìôóòõøùûúñæœÉÈÀÂÁÇÊÎÔÓÚÑÅØÆŒ€£§°±²³µ·¹º½¼¾«»…•¡¿©®™\xa0"
    "\u201e\u201c\u201d\u2018\u2019\u201a\u2039\u203a\u2013\u2014\xb4"  # quotes and dashes
)
"""Non-ASCII characters of Western European text. Letters of Icelandic and capitals with rare
accents are excluded: text of other regions shows them when it is decoded as Western."""
_WORD = re.compile(r"[^\W\d_]+")
_GUESS_WORDS = 20_000


def guess_charset(data: bytes) -> Guess:
    """Guess the charset of ``data`` from all lines with bytes beyond ASCII."""
    import chardet  # noqa: PLC0415 - rarely needed and large

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
    """Yield up to `_GUESS_SAMPLE` bytes of lines beyond ASCII from all parts of the file."""
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
    """Return whether nearly all of ``sample`` decodes and few words mix alphabets."""
    text = sample.decode(encoding, "replace")
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    if text.count("\ufffd") * 20 > beyond:
        return False
    words = [word for word in _WORD.findall(text)[:_GUESS_WORDS] if not word.isascii()]
    mixed = sum(1 for word in words if len({_alphabet(letter) for letter in word}) > 1)
    return mixed * 10 <= len(words)


def _alphabet(letter: str) -> str:
    """Return the script of a letter. East Asian scripts count as one, since texts mix them."""
    if letter.isascii():
        return "LATIN"
    script = unicodedata.name(letter, "").split(" ")[0]
    return script if script in ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC", "THAI") else ""


def _is_western(sample: bytes) -> bool:
    text = sample.decode(_WESTERN, "replace")
    return all(character.isascii() or character in _WESTERN_CHARACTERS for character in text)


def _superset(encoding: str) -> str:
    """Return the charset that browsers and Windows use for this name."""
    import webencodings  # noqa: PLC0415 - loaded only for a guess

    known = webencodings.lookup(encoding)
    name = known.codec_info.name if known else codecs.lookup(encoding).name
    return "gb18030" if name in ("gbk", "gb2312") else name


WIDE_SAMPLE = 8 * 1024
"""Bytes at the beginning that are examined; a multiple of four."""

_WIDE_ENCODINGS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
"""UTF-32 comes first: its bytes are also valid UTF-16 in which every other character is NUL."""
_WIDE_SHARE = 0.9
"""Minimum share of ordinary characters. Text in eleven scripts has at least 0.97; 8-bit text and
binary data decoded as UTF-16 have at most 0.6."""
_MAX_CONTROLS = 0.01
_SPACE = frozenset("\t\n\r\f ")
_LONG_TEXT = 100
_WORD_BREAKS = frozenset("\t\n\r ,.;\u3000\u3001\u3002\uff0c")
"""Text longer than `_LONG_TEXT` contains one of them; 16-bit numbers that look like text do not."""
_COMMON_IDEOGRAPHS = (("gb2312", 16, 55), ("big5", 4, 38), ("euc_jp", 16, 47))
"""Rows of common ideographs in national charsets. The other 14,000 are rare in text."""
_BIG5_FIRST_ROW = 0xA0
_EUC_FIRST_ROW = 0xA0


def wide_encoding(data: bytes) -> str | None:
    """Return the encoding of UTF-16 or UTF-32 without a byte order mark, or None."""
    sample = data[:WIDE_SAMPLE]
    if len(sample) < 4:  # noqa: PLR2004 - too short to decide
        return None
    shares = [(_wide_share(sample, encoding), encoding) for encoding in _WIDE_ENCODINGS]
    share, best = max(shares, key=lambda found: found[0])
    return best if share >= _WIDE_SHARE else None


def _wide_share(sample: bytes, encoding: str) -> float:
    """Return the share of ordinary characters; 0 for bytes that cannot be text in ``encoding``."""
    unit = 4 if encoding.startswith("utf-32") else 2
    text = sample[: len(sample) // unit * unit].decode(encoding, "replace")
    text = text.removesuffix(_REPLACED).rstrip("\0")  # the end of the sample may cut a character
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
    """Return whether text often contains ``character``; None for controls and invalid ones."""
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
    # below: alphabets and punctuation; above: kana, wide forms and emoji
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
