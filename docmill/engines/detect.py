"""What a file is: its content decides, its name is a hint. Runs in the engine's child process."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines import ole, zips
from docmill.engines.charsets import encoding_of, looks_like_text
from docmill.engines.media import EXTENSIONS, OFFICE, PAGED, PLAIN, Media, promised
from docmill.errors import FailureClass, ItemFailure

HEAD = 64 * 1024
"""Bytes at the beginning that are looked at."""

_MAGICS: tuple[tuple[bytes, Media], ...] = (
    (b"%PDF-", Media.PDF),
    (b"\x89PNG\r\n\x1a\n", Media.PNG),
    (b"\xff\xd8\xff", Media.JPEG),
    (b"GIF87a", Media.GIF),
    (b"GIF89a", Media.GIF),
    (b"II*\0", Media.TIFF),
    (b"MM\0*", Media.TIFF),
    (b"II+\0", Media.TIFF),
    (b"MM\0+", Media.TIFF),
    (b"{\\rtf", Media.RTF),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PDF_JUNK = 1024
"""Readers accept this many bytes in front of a PDF's header."""
_HTML = re.compile(r"(<!doctype\s+html|<html|<head|<body|<title|<!--.*?-->\s*<html)", re.I | re.S)
_XML = re.compile(r"<\?xml[^>]*\?>\s*", re.I)
_DOCTYPE_OR_COMMENT = re.compile(r"(<!--.*?-->|<!doctype[^>]*>)\s*", re.I | re.S)
_MAIL_HEADER = re.compile(
    r"(return-path|received|message-id|mime-version|from|to|cc|subject|date|delivered-to|"
    r"content-type|x-[\w-]+|dkim-signature|reply-to)\s*:",
    re.I,
)
_MACHINE_HEADER = re.compile(r"(return-path|received|message-id|mime-version)\s*:", re.I)


@dataclass(frozen=True, slots=True)
class Detection:
    """What a file is.

    Attributes:
        media_type: the content's type.
        warnings: one when the name promised something else.
    """

    media_type: str
    warnings: tuple[ResultWarning, ...] = ()


def detect(path: Path, name: str, further: Mapping[str, str] | None = None) -> Detection:
    """Say what the file at ``path`` is.

    Args:
        path: the file.
        name: its name for people; tells Markdown and CSV from plain text, nothing more.
        further: media types by file ending that engines from outside read; such an ending
            decides only where the content is no known format, or nothing but text.

    Raises:
        ItemFailure: EMPTY, ENCRYPTED, CORRUPT, or UNSUPPORTED_TYPE.
    """
    claimed = (further or {}).get(PurePath(name).suffix.lower())
    try:
        found = _known(path, name)
    except ItemFailure as failure:
        if claimed is None or failure.failure_class is not FailureClass.UNSUPPORTED_TYPE:
            raise
        return Detection(claimed)
    return Detection(claimed) if claimed and found.media_type == Media.TEXT else found


def _known(path: Path, name: str) -> Detection:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise ItemFailure(FailureClass.EMPTY)
    hint = promised(name)
    found = _binary(path, head, hint) or _text(head, hint)
    if found is None and hint in PAGED | OFFICE:
        raise ItemFailure(
            FailureClass.CORRUPT,
            f"The name says {_short(hint)}, but the content is neither that nor a known format.",
        )
    if found is None:
        raise ItemFailure(FailureClass.UNSUPPORTED_TYPE)
    return Detection(found, _surprise(hint, found))


def _binary(path: Path, head: bytes, hint: Media | None) -> Media | None:
    for magic, media in _MAGICS:
        if head.startswith(magic):
            return media
    if head.startswith(b"BM") and not looks_like_text(head):
        return Media.BMP
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Media.WEBP
    if head.startswith(_ZIP):
        return zips.media_of_zip(path) or _unsupported("an archive")
    if head.startswith(ole.MAGIC):
        return ole.media_of_ole(path) or _unsupported("an OLE compound file of an unknown program")
    late_header = b"%PDF-" in head[:_PDF_JUNK]
    return Media.PDF if late_header and (hint is Media.PDF or not looks_like_text(head)) else None


def _text(head: bytes, hint: Media | None) -> Media | None:
    if not looks_like_text(head):
        return None
    text = head.decode(encoding_of(head), errors="replace").lstrip("\ufeff \t\r\n")
    if _is_html(text, hint):
        return Media.HTML
    if _is_mail(text, hint):
        return Media.EML
    return hint if hint in PLAIN else Media.TEXT


def _is_html(text: str, hint: Media | None) -> bool:
    if hint is Media.HTML and text.startswith("<"):
        return True
    body = _XML.sub("", text, count=1) if text.startswith("<?xml") else text
    while leading := _DOCTYPE_OR_COMMENT.match(body):
        if re.match(r"<!doctype\s+html", leading.group(), re.I):
            return True
        body = body[leading.end() :]
    return _HTML.match(body) is not None


def _is_mail(text: str, hint: Media | None) -> bool:
    """A mail begins with header lines; without its extension, one that only machines write."""
    lines = text.splitlines()
    if text.startswith("From "):
        lines = lines[1:]
    if not lines or not _MAIL_HEADER.match(lines[0]):
        return False
    headers = list(itertools.takewhile(str.strip, lines))
    return hint is Media.EML or any(_MACHINE_HEADER.match(line) for line in headers)


def _unsupported(what: str) -> Media:
    raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, f"No engine reads {what}.")


def _surprise(hint: Media | None, found: Media) -> tuple[ResultWarning, ...]:
    if hint is None or hint is found or (hint in PLAIN and found in PLAIN):
        return ()
    message = f"The name says {_short(hint)}, the content is {_short(found)}: read as that."
    return (warning(WarningCode.TYPE_UNLIKE_NAME, message),)


def _short(media: Media | None) -> str:
    """The word that people use for ``media``: its usual extension in capitals."""
    return next((e[1:].upper() for e, known in EXTENSIONS.items() if known is media), "something")
