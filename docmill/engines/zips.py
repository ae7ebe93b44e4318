"""What a ZIP archive is: an office document, an e-book, or just an archive.

Only names and a few bytes are read; nothing is unpacked.
"""

import zipfile
import zlib
from errno import EINVAL
from pathlib import Path

from docmill.engines.media import Media
from docmill.errors import FailureClass, ItemFailure

_OPEN_XML = {
    "word/document.xml": Media.DOCX,
    "xl/workbook.xml": Media.XLSX,
    "ppt/presentation.xml": Media.PPTX,
}
_BY_MIMETYPE = {media.value: media for media in (Media.ODT, Media.ODS, Media.EPUB)}
_MIMETYPE = "mimetype"
_MANIFEST = "META-INF/manifest.xml"
_RIGHTS = "META-INF/rights.xml"
_ENCRYPTED_FLAG = 1
_LONGEST_MIMETYPE = 100
_LONGEST_MANIFEST = 1024 * 1024


def media_of_zip(path: Path) -> Media | None:
    """Return what the archive at ``path`` is, or None for an archive that is no document.

    Raises:
        ItemFailure: CORRUPT for a damaged archive, ENCRYPTED for a protected document.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _media_of(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise _damaged(error) from None
    except OSError as error:
        if error.errno == EINVAL:  # a directory that points in front of the file
            raise _damaged(error) from None
        raise


def _media_of(archive: zipfile.ZipFile) -> Media | None:
    names = {entry.filename: entry for entry in archive.infolist()}
    for part, media in _OPEN_XML.items():
        if entry := names.get(part):
            if entry.flag_bits & _ENCRYPTED_FLAG:
                raise ItemFailure(FailureClass.ENCRYPTED)
            return media
    if _MIMETYPE not in names:
        return None
    stated = _read(archive, _MIMETYPE, _LONGEST_MIMETYPE).decode("ascii", "replace").strip()
    known = _BY_MIMETYPE.get(stated)
    if known and _is_protected(archive, names):
        raise ItemFailure(FailureClass.ENCRYPTED)
    return known


def _damaged(error: Exception) -> ItemFailure:
    return ItemFailure(FailureClass.CORRUPT, f"The ZIP archive is damaged: {error}.")


def _is_protected(archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo]) -> bool:
    """OpenDocument marks encrypted parts in its manifest; protected books carry a rights file."""
    if _RIGHTS in names:
        return True
    if _MANIFEST not in names:
        return False
    return b"encryption-data" in _read(archive, _MANIFEST, _LONGEST_MANIFEST)


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        with archive.open(name) as part:
            return part.read(limit)
    except RuntimeError:  # zipfile's word for an encrypted entry
        raise ItemFailure(FailureClass.ENCRYPTED) from None
