"""Bytes to text: which files are text at all, and in which character set."""

import codecs
import re

SAMPLE = 256 * 1024
"""Bytes that decide about the character set; more would not change the answer, only its cost."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_LEGACY = ["cp932", "gb18030", "big5", "cp949", "euc_jp", "koi8_r"]
_LEGACY += [f"cp125{number}" for number in range(8)]
"""What old files are really written in; a closed list keeps the guess from going astray."""

_WESTERN = "cp1252"
_STATED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I)
_STATED_AREA = 4096
_BROWSERS_READ = {b"iso-8859-1": _WESTERN, b"latin-1": _WESTERN, b"us-ascii": _WESTERN}
"""Pages that state Latin-1 are written in Windows' superset of it; browsers read them so."""

_TEXT_CONTROLS = frozenset(b"\t\n\r\f\b\x1b")
_MAX_CONTROL_RATIO = 0.01
"""Stray control characters happen in real text files; in binary data they are a tenth."""


def looks_like_text(head: bytes) -> bool:
    """Say whether ``head``, the beginning of a file, can be text in any character set."""
    if _byte_order_mark(head) or _wide_encoding(head):
        return True
    if b"\0" in head:
        return False
    controls = sum(1 for byte in head if byte < ord(" ") and byte not in _TEXT_CONTROLS)
    return controls <= len(head) * _MAX_CONTROL_RATIO


def decode(data: bytes) -> tuple[str, str]:
    """Return the text of ``data`` and the name of its character set.

    What cannot be decoded is replaced: a text file is never refused for one broken byte.
    """
    encoding = encoding_of(data)
    return data.decode(encoding, errors="replace"), encoding


def decode_markup(data: bytes) -> str:
    """Return the text of HTML: as `decode`, but a stated character set wins over a guess."""
    encoding = encoding_of(data)
    if encoding.startswith("utf") or not (stated := _STATED.search(data[:_STATED_AREA])):
        return data.decode(encoding, errors="replace")
    try:
        return data.decode(_BROWSERS_READ.get(stated[1].lower(), stated[1].decode("ascii")))
    except (LookupError, UnicodeDecodeError):
        return data.decode(encoding, errors="replace")


def encoding_of(data: bytes) -> str:
    """Return the character set of ``data``: its mark, UTF-8 when it is valid, else a guess."""
    sample = data[:SAMPLE]
    if known := _byte_order_mark(sample) or _wide_encoding(sample):
        return known
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return _legacy_encoding(sample)
    return "utf-8"


def _byte_order_mark(data: bytes) -> str | None:
    return next((name for mark, name in _BOMS if data.startswith(mark)), None)


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a mark: nearly every other byte of Latin text is zero."""
    pairs = min(len(data), 4096) // 2
    if pairs < 2:  # noqa: PLR2004 - a single character says nothing
        return None
    even, odd = data[: pairs * 2 : 2].count(0), data[1 : pairs * 2 : 2].count(0)
    if odd > pairs * 0.7 and even < pairs * 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > pairs * 0.7 and odd < pairs * 0.05 else None


def _legacy_encoding(sample: bytes) -> str:
    import charset_normalizer  # noqa: PLC0415 - rarely needed, and large

    matches = charset_normalizer.from_bytes(sample, cp_isolation=_LEGACY)
    best = matches.best()
    if best is None:
        return _WESTERN
    # Western text often decodes equally well as cp1250 or cp1257; by far most of it is Western.
    ties = [match for match in matches if match.chaos <= best.chaos]
    names = {name for match in ties for name in match.could_be_from_charset}
    return _WESTERN if _WESTERN in names and best.encoding.startswith("cp125") else best.encoding
