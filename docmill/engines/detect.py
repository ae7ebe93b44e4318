"""Detection of a file's media type, in the engine's child process.

The order of detection: magic number of a binary format and content of its package, structure of a
text, and the file's name for the few types in `media.decided_by_name`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from docmill.contracts.media_types import (
    OFFICE,
    PAGED,
    PLAIN,
    TABLES,
    Media,
    expected_media,
    short_name,
)
from docmill.engines.office import compound_files, zip_archives
from docmill.engines.text.charsets import decode_head, looks_like_text
from docmill.engines.text.kinds import named_kind, structure_of
from docmill.errors import FailureClass, ItemFailure

HEAD = 64 * 1024
"""Bytes at the beginning that are examined."""

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
    # the first record of Excel 2, 3 and 4, which wrote no compound files
    (b"\x09\x00\x04\x00", Media.XLS),
    (b"\x09\x02\x06\x00", Media.XLS),
    (b"\x09\x04\x06\x00", Media.XLS),
)
_UNREAD: tuple[tuple[int, bytes, str], ...] = (
    (257, b"ustar", "a tar archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"MSCF", "a cabinet archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"SQLite format 3\0", "a SQLite database"),
    (0, b"!BDN", "an Outlook mailbox (PST)"),
    (0, b"\0\0\0\x01Bud1", "the folder settings of macOS (.DS_Store)"),
    (0, b"\xffWPC", "a WordPerfect document"),
    (0, b"8BPS", "a Photoshop image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "an image in HEIF"),
    (4, b"ftypmif1", "an image in HEIF"),
    (4, b"ftyp", "a video, or an image in HEIF"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (0, b"\0\0\x01\0", "an icon of Windows"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (40, b" EMF", "a Windows metafile"),
    (60, b"BOOKMOBI", "a Mobipocket book"),
    (0, b"ITSF", "a help file of Windows (CHM)"),
    (0, b"1\xbe\0\0", "a document of Windows Write"),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "a OneNote section"),
    (0, b"AC10", "an AutoCAD drawing"),
    (4, b"Standard Jet DB", "an Access database"),
    (4, b"Standard ACE DB", "an Access database"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"bplist00", "a binary property list, such as a Safari web archive"),
    (0, b"L\0\0\0\x01\x14\x02\0", "a shortcut of Windows"),
    (0, b"MZ", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"OggS", "a sound or video"),
    (0, b"ID3", "a sound"),
)
"""Formats that no engine reads, by offset and magic number, with their names for the message."""
_POSTSCRIPT = b"%!PS-Adobe-"
_PORTABLE = re.compile(rb"P[4-7]\s+(?:#[^\n]*\n\s*)?(?:\d+\s+\d+\s|WIDTH )")
"""Start of a binary image of the netpbm family."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PDF_JUNK = 1024
"""Bytes before the header of a PDF that readers accept."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Detected type of a file.

    Attributes:
        media_type: media type of the content.
    """

    media_type: str


def detect(path: Path, name: str, further: Mapping[str, str] | None = None) -> Detection:
    """Detect the media type of the file at ``path``.

    Args:
        path: the file.
        name: display name; it matters only in the cases of `media.decided_by_name`.
        further: media types of third-party engines by file extension; they apply only if the
            content is not a known format, or is plain text.

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
    return Detection(claimed if claimed and found is Media.TEXT else found)


def _known(path: Path, name: str) -> Media:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise ItemFailure(FailureClass.EMPTY)
    promise = expected_media(name)
    if found := _binary(path, head, promise) or _text(head, promise):
        return found
    if promise in PAGED | OFFICE | TABLES:
        raise ItemFailure(
            FailureClass.CORRUPT,
            f"The name states {short_name(promise)}, but the content has another, unknown format.",
        )
    raise ItemFailure(FailureClass.UNSUPPORTED_TYPE)


def _binary(path: Path, head: bytes, promise: Media | None) -> Media | None:
    found = next((media for magic, media in _MAGICS if head.startswith(magic)), None)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        found = Media.WEBP
    if found:
        return found
    if head.startswith(_ZIP):
        return zip_archives.media_of_zip(path)
    if head.startswith(compound_files.MAGIC):
        return compound_files.media_of_compound_file(path)
    if b"%PDF-" in head[:_PDF_JUNK] and (promise is Media.PDF or not _is_plain(head)):
        return Media.PDF
    if head.startswith(b"BM") and not _is_plain(head):
        return Media.BMP
    _reject_unsupported(head)
    return None


def _reject_unsupported(head: bytes) -> None:
    if head.startswith(_POSTSCRIPT):  # text, but not as a document
        message = "No engine reads a PostScript document. Convert it to PDF."
        raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, message)
    if _PORTABLE.match(head):
        raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, "No engine reads a PNM image.")
    for offset, magic, kind in _UNREAD:
        if head[offset:].startswith(magic) and not _is_plain(head):
            raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, f"No engine reads {kind}.")


def _is_plain(head: bytes) -> bool:
    """Return whether ``head`` is certainly text: a note may begin with the magic of a format."""
    return b"\0" not in head and looks_like_text(head)


def _text(head: bytes, promise: Media | None) -> Media | None:
    if not looks_like_text(head):
        return None
    text = decode_head(head)
    found = structure_of(text)
    if found is Media.HTML and promise is Media.MARKDOWN:
        found = None  # Markdown may begin with an HTML element
    return found or named_kind(text, promise) or (promise if promise in PLAIN else Media.TEXT)
