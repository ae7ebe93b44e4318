"""Media type of a text by its structure: HTML, mail, RTF, flat Office XML, or plain text."""

import itertools
import re

from docmill.contracts.media_types import Media

_BLANK = "\ufeff \t\r\n\0"
_RTF = "{\\rtf"

_XML_DECLARATION = re.compile(r"<\?xml\b[^>]*\?>\s*", re.I)
_BEFORE_ROOT = re.compile(
    r"(?:<!--.*?-->|<!doctype[^>\[]*(?:\[.*?\]\s*)?>|<\?.*?\?>)\s*", re.I | re.S
)
_HTML_DOCTYPE = re.compile(r"<!doctype\s+html", re.I)
_HTML_ROOT = re.compile(r"<(?:html|head|body|title)[\s/>]", re.I)
_XHTML = "http://www.w3.org/1999/xhtml"
_TABLE = re.compile(r"<table[\s>]", re.I)
_TABLE_PART = re.compile(r"<(?:tr|td|th|tbody|thead)[\s>]", re.I)
_ANY_TAG = re.compile(
    r"<(?:!doctype|!--|/?[a-z][a-z0-9]*(?:[\s/][^<>]*)?>)|&(?:[a-z]{2,8}|#\d+);", re.I
)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)([^>]*)")
_OFFICE_XML = (
    ("Workbook", "urn:schemas-microsoft-com:office:spreadsheet", Media.EXCEL_XML),
    ("wordDocument", "http://schemas.microsoft.com/office/word/2003/wordml", Media.WORD_XML),
    ("package", "http://schemas.microsoft.com/office/2006/xmlPackage", Media.PACKAGE_XML),
)
_OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_OPEN_MIMETYPE = re.compile(r"""mimetype\s*=\s*["'][\w./-]*opendocument\.([a-z]+)""")
_FLAT = {
    "text": Media.FLAT_ODT,
    "spreadsheet": Media.FLAT_ODS,
    "presentation": Media.FLAT_ODP,
}

_FIELD = re.compile(r"[!-9;-~]+[ \t]*:")
"""Name of a header field (RFC 5322, 3.6.8), with the blanks that old mail programs append."""
_MBOX_LINE = re.compile(r">?From ")
_MACHINE_FIELD = re.compile(
    r"(?:return-path|received|message-id|mime-version|delivered-to|authentication-results|"
    r"dkim-signature|arc-[\w-]+)\s*:",
    re.I,
)
"""Header fields that only programs write. A text with one of them is a mail under any name."""
_APPLE_LENGTH = re.compile(r"\d{1,12}[ \t]*\r?\n")
"""First line of Apple's .emlx: the length of the mail in bytes."""
_LENIENT = 4
"""In a file named as a mail, one line in this many may be no header field."""


def structure_of(text: str) -> Media | None:
    """Return the type that the beginning of a text shows; None for plain text."""
    body = text.lstrip(_BLANK)
    if body.startswith(_RTF):
        return Media.RTF
    if body.startswith("<"):
        return _markup(body)
    return Media.EML if _is_mail(body, named=False) else None


def named_kind(text: str, promise: Media | None) -> Media | None:
    """Return the type of a file with the extension of ``promise`` and no clear structure."""
    body = text.lstrip(_BLANK)
    if promise is Media.HTML and _ANY_TAG.search(body):
        return Media.HTML
    return Media.EML if promise is Media.EML and _is_mail(body, named=True) else None


def apple_mail(text: str) -> int:
    """Return the length of the first line of an .emlx with its blanks; 0 for any other text."""
    length = _APPLE_LENGTH.match(text)
    return length.end() if length else 0


def _markup(text: str) -> Media | None:
    body = text
    while leading := _XML_DECLARATION.match(body) or _BEFORE_ROOT.match(body):
        if _HTML_DOCTYPE.match(leading[0]):
            return Media.HTML
        body = body[leading.end() :]
    if _HTML_ROOT.match(body) or (_TABLE.match(body) and _TABLE_PART.search(body)):
        return Media.HTML
    root = _ROOT.match(body)
    return _office_xml(root[1], root[2]) if root else None


def _office_xml(name: str, attributes: str) -> Media | None:
    for root, namespace, media in _OFFICE_XML:
        if name == root and namespace in attributes:
            return media
    if name == "document" and _OPEN_DOCUMENT in attributes:
        stated = _OPEN_MIMETYPE.search(attributes)
        return _FLAT.get(stated[1]) if stated else None
    return Media.HTML if name.lower() == "html" and _XHTML in attributes else None


def _is_mail(text: str, *, named: bool) -> bool:
    """Return whether a text begins with header fields and folded lines up to a blank line."""
    lines = text[apple_mail(text) :].splitlines()
    if len(lines) > 1 and _MBOX_LINE.match(lines[0]):
        lines = lines[1:]
    if not lines or not _FIELD.match(lines[0]):
        return False
    headers = list(itertools.takewhile(str.strip, lines))
    if len(headers) == len(lines) > 1:
        headers = headers[:-1]  # the last line may be cut
    odd = sum(1 for line in headers if not _is_header_line(line))
    if named:
        return odd * _LENIENT <= len(headers)
    return not odd and any(_MACHINE_FIELD.match(line) for line in headers)


def _is_header_line(line: str) -> bool:
    return line[0] in " \t" or bool(_FIELD.match(line)) or bool(_MBOX_LINE.match(line))
