"""The media types that Docmill knows, their extensions, and groups of them."""

from collections.abc import Collection
from enum import StrEnum

from docmill.contracts.warnings import ResultWarning, WarningCode, warning

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
    XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
    ODT = _OPEN_DOCUMENT + "text"
    ODS = _OPEN_DOCUMENT + "spreadsheet"
    ODP = _OPEN_DOCUMENT + "presentation"
    FLAT_ODT = _OPEN_DOCUMENT + "text-flat-xml"
    FLAT_ODS = _OPEN_DOCUMENT + "spreadsheet-flat-xml"
    FLAT_ODP = _OPEN_DOCUMENT + "presentation-flat-xml"
    WORD_XML = "application/vnd.ms-wordml"
    EXCEL_XML = "application/vnd.ms-spreadsheetml"
    PACKAGE_XML = "application/vnd.ms-package.xml"
    EPUB = "application/epub+zip"
    RTF = "application/rtf"
    EML = "message/rfc822"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    TEXT = "text/plain"


IMAGES = frozenset({Media.PNG, Media.JPEG, Media.GIF, Media.BMP, Media.WEBP, Media.TIFF})
PAGED = IMAGES | {Media.PDF}
"""Types with pages of a fixed size, which may need OCR."""
OFFICE_XML = frozenset(
    {
        Media.FLAT_ODT,
        Media.FLAT_ODS,
        Media.FLAT_ODP,
        Media.WORD_XML,
        Media.PACKAGE_XML,
    }
)
"""Office documents in one XML file, which are converted to a package before they are read."""
SPREADSHEETS = frozenset({Media.XLSX, Media.XLSB, Media.XLS, Media.ODS, Media.FLAT_ODS})
PRESENTATIONS = frozenset({Media.PPTX, Media.PPT, Media.ODP, Media.FLAT_ODP})
PLAIN = frozenset({Media.TEXT, Media.MARKDOWN, Media.CSV})
TABLES = frozenset({Media.EXCEL_XML})
"""Workbooks in one XML file, which the text engine reads."""
OFFICE = frozenset(Media) - PAGED - PLAIN - TABLES
"""Office formats, mail, EPUB, RTF and HTML."""

EXTENSIONS: dict[str, Media] = {
    **{f".{media.name.lower()}": media for media in Media if "_" not in media.name},
    ".jpg": Media.JPEG,
    ".tif": Media.TIFF,
    ".docm": Media.DOCX,
    ".dotx": Media.DOCX,
    ".dotm": Media.DOCX,
    ".xlsm": Media.XLSX,
    ".xltx": Media.XLSX,
    ".xltm": Media.XLSX,
    ".pptm": Media.PPTX,
    ".ppsx": Media.PPTX,
    ".ppsm": Media.PPTX,
    ".potx": Media.PPTX,
    ".potm": Media.PPTX,
    ".dot": Media.DOC,
    ".xlt": Media.XLS,
    ".pps": Media.PPT,
    ".pot": Media.PPT,
    ".ott": Media.ODT,
    ".ots": Media.ODS,
    ".otp": Media.ODP,
    ".fodt": Media.FLAT_ODT,
    ".fods": Media.FLAT_ODS,
    ".fodp": Media.FLAT_ODP,
    ".htm": Media.HTML,
    ".xhtml": Media.HTML,
    ".xht": Media.HTML,
    ".emlx": Media.EML,
    ".mht": Media.EML,
    ".mhtml": Media.EML,
    ".mbox": Media.EML,
    ".md": Media.MARKDOWN,
    ".tsv": Media.CSV,
    ".txt": Media.TEXT,
}
"""Media types by file extension."""

_KNOWN = frozenset(media.value for media in Media)
_ALIKE = (
    PLAIN,
    # one program opens both, whatever the extension
    {Media.XLSX, Media.XLSB},
    {Media.ODT, Media.FLAT_ODT},
    {Media.ODS, Media.FLAT_ODS},
    {Media.ODP, Media.FLAT_ODP},
)
_SHORT_NAMES = {
    Media.WORD_XML: "Word 2003 XML",
    Media.EXCEL_XML: "Excel 2003 XML",
    Media.PACKAGE_XML: "Office XML in one file",
    Media.EML: "mail",
}
_TYPES_BY_NAME = frozenset({Media.HTML, Media.EML, Media.CSV, Media.MARKDOWN, Media.PDF})


def _extension(path: str) -> str:
    """Return `PurePath.suffix` in lower case, in a tenth of its time.

    Every item of a listing pays for it twice. The path does not end with a slash.
    """
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def expected_media(name: str) -> Media | None:
    """Return the media type of the extension of ``name``, if it is known."""
    return EXTENSIONS.get(_extension(name))


def extension_of(media: Media) -> str:
    """Return the usual extension of ``media``, with its dot."""
    return next(extension for extension, known in EXTENSIONS.items() if known is media)


def decided_by_name(name: str, further: Collection[str] = ()) -> str:
    """Return the part of ``name`` that affects how bytes are read; empty if none does.

    It is part of a result's cache key: names with the same part give the same result for the same
    bytes.

    Args:
        name: of a file.
        further: extensions that third-party engines read, in lower case.
    """
    ending = _extension(name)
    if ending in further:
        return ending
    by_name = EXTENSIONS.get(ending)
    return by_name.value if by_name in _TYPES_BY_NAME else ""


def name_warning(name: str, media_type: str) -> ResultWarning | None:
    """Return a warning if the extension of ``name`` belongs to another type than the content.

    It belongs to the item and not to the result, which items with other names share.
    """
    expected = expected_media(name)
    if expected is None or media_type not in _KNOWN or expected == media_type:
        return None
    found = Media(media_type)
    if any(expected in family and found in family for family in _ALIKE):
        return None
    message = (
        f"The name says {short_name(expected)}, the content is {short_name(found)}: read as that."
    )
    return warning(WarningCode.TYPE_UNLIKE_NAME, message)


def short_name(media: Media) -> str:
    """Return the common name of ``media``: its usual extension in capitals."""
    return _SHORT_NAMES.get(media) or extension_of(media)[1:].upper()
