"""Types of ZIP archives: office documents, e-books and plain archives.

Only names and a few small parts are read; nothing is unpacked. An Office document states its main
part in its relationships and the type of that part in its content types (ECMA-376 part 2).
OpenDocument and EPUB state their type in the entry ``mimetype`` or, if it is missing, in manifest
and container.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from pathlib import Path
from typing import TypeVar

from docmill.contracts.media_types import Media
from docmill.engines.office.open_packaging import Package
from docmill.errors import FailureClass, ItemFailure

_OPEN_XML = {
    "word/document.xml": Media.DOCX,
    "xl/workbook.xml": Media.XLSX,
    "xl/workbook.bin": Media.XLSB,
    "ppt/presentation.xml": Media.PPTX,
}
"""Usual names of main parts, for packages without relationships."""
_MAIN_TYPES = (
    (re.compile(r"wordprocessingml|ms-word\.", re.I), Media.DOCX),
    (re.compile(r"ms-excel\.sheet\.binary", re.I), Media.XLSB),
    (re.compile(r"spreadsheetml|ms-excel\.", re.I), Media.XLSX),
    (re.compile(r"presentationml|ms-powerpoint\.", re.I), Media.PPTX),
)
_MAIN_FOLDERS = (
    (re.compile(r"^word/", re.I), Media.DOCX),
    (re.compile(r"^xl/.*\.bin$", re.I), Media.XLSB),
    (re.compile(r"^xl/", re.I), Media.XLSX),
    (re.compile(r"^ppt/", re.I), Media.PPTX),
)
"""Folders of main parts without a stated content type."""
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_BY_MIMETYPE = {
    _OPEN_DOCUMENT + "text": Media.ODT,
    _OPEN_DOCUMENT + "text-template": Media.ODT,
    _OPEN_DOCUMENT + "text-master": Media.ODT,
    _OPEN_DOCUMENT + "text-web": Media.ODT,
    _OPEN_DOCUMENT + "spreadsheet": Media.ODS,
    _OPEN_DOCUMENT + "spreadsheet-template": Media.ODS,
    _OPEN_DOCUMENT + "presentation": Media.ODP,
    _OPEN_DOCUMENT + "presentation-template": Media.ODP,
    Media.EPUB.value: Media.EPUB,
}
_UNREAD_TYPES = (
    (re.compile(r"ms-visio|/visio", re.I), "a Visio drawing"),
    (re.compile(r"fixedrepresentation|ms-package\.xps|openxps", re.I), "an XPS document"),
    (re.compile(r"opendocument\.graphics"), "an OpenDocument drawing"),
    (re.compile(r"opendocument\.formula"), "an OpenDocument formula"),
    (re.compile(r"opendocument\.chart"), "an OpenDocument chart"),
    (re.compile(r"opendocument\.(base|database)"), "an OpenDocument database"),
    (re.compile(r"opendocument\.image"), "an OpenDocument image"),
    (re.compile(r"vnd\.sun\.xml\."), "a document of OpenOffice 1"),
    (re.compile(r"hwp\+zip"), "a Hangul document (HWPX)"),
)
_UNREAD_PARTS = (
    (re.compile(r"(^|/)Index/(Document|.*)\.iwa$|^Index\.zip$"), "an Apple iWork document"),
    (re.compile(r"^visio/document\.xml$"), "a Visio drawing"),
    (re.compile(r"\.fdseq$"), "an XPS document"),
    (re.compile(r"^AndroidManifest\.xml$"), "an Android program"),
    (re.compile(r"^META-INF/MANIFEST\.MF$"), "a Java archive"),
    (re.compile(r"^doc\.kml$"), "a map (KMZ)"),
)
_Found = TypeVar("_Found")
_MIMETYPE = "mimetype"
_MANIFEST = "META-INF/manifest.xml"
_CONTAINER = "META-INF/container.xml"
_ROOT_ENTRY = re.compile(rb"<[^<>]*full-path\s*=\s*[\"']/[\"'][^<>]*>")
_MEDIA_TYPE = re.compile(rb"media-type\s*=\s*[\"']([^\"']*)")
_BOOK = b"application/oebps-package+xml"
_RIGHTS = "META-INF/rights.xml"
_ENCRYPTED_FLAG = 1
_LONGEST_MIMETYPE = 200
_LONGEST_MANIFEST = 1024 * 1024


@contextmanager
def archive_errors() -> Iterator[None]:
    """Translate errors of archives into failures of the item.

    Raises:
        ItemFailure: CORRUPT for a damaged archive, ENCRYPTED for a protected one.
    """
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise _damaged(error) from None
    except RuntimeError:  # zipfile raises it for an encrypted entry
        raise ItemFailure(FailureClass.ENCRYPTED) from None
    except OSError as error:
        if error.errno == EINVAL:  # a central directory that points before the file
            raise _damaged(error) from None
        raise


def media_of_zip(path: Path) -> Media:
    """Return the media type of the archive at ``path``.

    Raises:
        ItemFailure: CORRUPT for a damaged archive, ENCRYPTED for a protected document,
            UNSUPPORTED_TYPE, with the name of the kind, for a type that no engine reads.
    """
    with archive_errors(), zipfile.ZipFile(path) as archive:
        return media_of_archive(archive)


def media_of_archive(archive: zipfile.ZipFile) -> Media:
    """Return the media type of an open archive; see `media_of_zip`."""
    names = {entry.filename.replace("\\", "/").lstrip("/"): entry for entry in archive.infolist()}
    package = Package.of(archive)
    if package is not None:
        known = _first(_MAIN_TYPES, package.main_type) or _first(_MAIN_FOLDERS, package.main)
        if known and package.main_entry:
            return _unless_encrypted(package.main_entry, known)
    for part, media in _OPEN_XML.items():
        if entry := names.get(part):
            return _unless_encrypted(entry, media)
    stated = list(_stated_types(archive, names))
    known = next((_BY_MIMETYPE[one] for one in stated if one in _BY_MIMETYPE), None)
    if known and _is_protected(archive, names):
        raise ItemFailure(FailureClass.ENCRYPTED)
    if known:
        return known
    described = f"{package.main_type} {package.main_relation}" if package else " ".join(stated)
    kind = _first(_UNREAD_TYPES, described) or next(
        (kind for name in names if (kind := _first(_UNREAD_PARTS, name))), "an archive"
    )
    raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, f"No engine reads {kind}.")


def _unless_encrypted(entry: zipfile.ZipInfo, media: Media) -> Media:
    if entry.flag_bits & _ENCRYPTED_FLAG:
        raise ItemFailure(FailureClass.ENCRYPTED)
    return media


def _stated_types(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo]) -> Iterator[str]:
    """Yield the types that mimetype, manifest and container state."""
    if entry := names.get(_MIMETYPE):
        stated = _read(archive, entry, _LONGEST_MIMETYPE).decode("utf-8-sig", "replace")
        yield stated.strip().partition(";")[0].strip().lower()
    if entry := names.get(_MANIFEST):
        root = _ROOT_ENTRY.search(_read(archive, entry, _LONGEST_MANIFEST))
        if root and (found := _MEDIA_TYPE.search(root[0])):
            yield found[1].decode("ascii", "replace").strip().lower()
    if (entry := names.get(_CONTAINER)) and _BOOK in _read(archive, entry, _LONGEST_MANIFEST):
        yield Media.EPUB.value


def _damaged(error: Exception) -> ItemFailure:
    return ItemFailure(FailureClass.CORRUPT, f"The ZIP archive is damaged: {error}.")


def _is_protected(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo]) -> bool:
    """Return whether the manifest marks parts as encrypted, or a book has a rights file."""
    if _RIGHTS in names:
        return True
    manifest = names.get(_MANIFEST)
    if manifest is None:
        return False
    return b"encryption-data" in _read(archive, manifest, _LONGEST_MANIFEST)


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(entry) as part:
        return part.read(limit)


def _first(table: tuple[tuple[re.Pattern[str], _Found], ...], text: str) -> _Found | None:
    return next((found for pattern, found in table if pattern.search(text)), None)
