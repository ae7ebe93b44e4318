"""The kinds of files that the house knows, their extensions, and their families."""

from enum import StrEnum
from pathlib import PurePath

_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."


class Media(StrEnum):
    """A media type that a local engine reads."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    BMP = "image/bmp"
    WEBP = "image/webp"
    TIFF = "image/tiff"
    DOCX = _OPEN_XML + "wordprocessingml.document"
    XLSX = _OPEN_XML + "spreadsheetml.sheet"
    PPTX = _OPEN_XML + "presentationml.presentation"
    DOC = "application/msword"
    XLS = "application/vnd.ms-excel"
    PPT = "application/vnd.ms-powerpoint"
    MSG = "application/vnd.ms-outlook"
    ODT = _OPEN_DOCUMENT + "text"
    ODS = _OPEN_DOCUMENT + "spreadsheet"
    EPUB = "application/epub+zip"
    RTF = "application/rtf"
    EML = "message/rfc822"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    TEXT = "text/plain"


IMAGES = frozenset({Media.PNG, Media.JPEG, Media.GIF, Media.BMP, Media.WEBP, Media.TIFF})
PAGED = IMAGES | {Media.PDF}
"""Pages of a fixed size, and text that may have to be recognised."""
SPREADSHEETS = frozenset({Media.XLSX, Media.XLS, Media.ODS})
PRESENTATIONS = frozenset({Media.PPTX, Media.PPT})
PLAIN = frozenset({Media.TEXT, Media.MARKDOWN, Media.CSV})
OFFICE = frozenset(Media) - PAGED - PLAIN
"""Office formats, mail, EPUB, RTF and HTML."""

EXTENSIONS: dict[str, Media] = {
    **{f".{media.name.lower()}": media for media in Media},
    ".jpg": Media.JPEG,
    ".tif": Media.TIFF,
    ".docm": Media.DOCX,
    ".dotx": Media.DOCX,
    ".xlsm": Media.XLSX,
    ".xltx": Media.XLSX,
    ".pptm": Media.PPTX,
    ".ppsx": Media.PPTX,
    ".dot": Media.DOC,
    ".pps": Media.PPT,
    ".htm": Media.HTML,
    ".xhtml": Media.HTML,
    ".md": Media.MARKDOWN,
    ".tsv": Media.CSV,
    ".txt": Media.TEXT,
}
"""What a file name promises; names that are not here promise nothing."""


def promised(name: str) -> Media | None:
    """Return the media type that the extension of ``name`` promises, if any."""
    return EXTENSIONS.get(PurePath(name).suffix.lower())


def extension_of(media: Media) -> str:
    """Return the usual extension of ``media``, with its dot."""
    return next(extension for extension, known in EXTENSIONS.items() if known is media)
