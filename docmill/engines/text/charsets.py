"""Bytes to text: which files are text at all, and in which character set.

The order of decision: byte order mark, structure of UTF-16 and UTF-32, what the file states, the
escapes of ISO-2022, UTF-8 with few bad bytes, and last a guess by all bytes that are not ASCII.
"""

import codecs
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines.text.charset_guess import Guess, guess
from docmill.engines.text.wide import SAMPLE as WIDE_SAMPLE
from docmill.engines.text.wide import wide_encoding

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
    guessed = guess(data)
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
