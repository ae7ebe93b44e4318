"""Documents in the form in which the engine of office formats reads them."""

import codecs
import io
import re
import zipfile
from dataclasses import dataclass

from docmill.contracts.media_types import OFFICE_XML, Media
from docmill.engines.office.open_packaging import with_usual_names
from docmill.engines.office.xml import open_manifest, package_of
from docmill.engines.office.zips import reading_zip
from docmill.engines.text.charsets import Decoded, decode, decode_head
from docmill.engines.text.kinds import apple_mail

_PACKAGES = frozenset({Media.DOCX, Media.XLSX, Media.XLSB, Media.PPTX})
_STATING = frozenset({Media.ODT, Media.ODS, Media.ODP})
_MIMETYPE = "mimetype"
_MANIFEST = "META-INF/manifest.xml"
_RTF = b"{\\rtf"
_APPLE_HEAD = 64
_QUOTED_ENVELOPE = b">From "
"""An mbox's line between messages, quoted by a program that saved one of them."""


@dataclass(frozen=True, slots=True)
class Readable:
    """A document as the engine wants it.

    Attributes:
        data: its bytes.
        media_type: of those bytes.
        decoded: what is known of the character set; None where the format has its own rules.
    """

    data: bytes
    media_type: str
    decoded: Decoded | None = None


def readable(data: bytes, media_type: str) -> Readable:
    """Return a document as the engine wants it; mostly as it is.

    Args:
        data: its bytes.
        media_type: what it was detected as.

    Raises:
        ItemFailure: CORRUPT, ENCRYPTED, or, for a document in one file of XML, UNSUPPORTED_TYPE.
    """
    if media_type == Media.HTML:
        decoded = decode(data, markup=True)
        return Readable(decoded.text.encode("utf-8", "replace"), media_type, decoded)
    if media_type == Media.EML:
        return Readable(_bare_mail(data), media_type)
    if media_type == Media.RTF:
        return Readable(data if data.startswith(_RTF) else _bare_rtf(data), media_type)
    with reading_zip():
        if media_type in OFFICE_XML:
            packed, media = package_of(data, Media(media_type))
            return Readable(with_usual_names(packed, media), media.value)
        if media_type in _PACKAGES:
            data = with_usual_names(data, Media(media_type))
        elif media_type in _STATING:
            data = _stating_its_type(data, media_type)
    return Readable(data, media_type)


def _stating_its_type(data: bytes, media_type: str) -> bytes:
    """OpenDocument with the two entries that say its type: the engine refuses some without them."""
    wanted = {
        _MIMETYPE: media_type.encode(),
        _MANIFEST: open_manifest(media_type),
    }
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if _MANIFEST in names:
            del wanted[_MANIFEST]
        if _MIMETYPE in names and archive.read(_MIMETYPE).startswith(media_type.encode()):
            del wanted[_MIMETYPE]
        if not wanted:
            return data
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
            for name, content in wanted.items():
                copy.writestr(name, content)
            for entry in archive.infolist():
                if entry.filename not in wanted:
                    copy.writestr(entry.filename, archive.read(entry))
        return out.getvalue()


def _bare_rtf(data: bytes) -> bytes:
    """RTF without the mark or blank lines before it; it is ASCII, whatever it was saved as."""
    start = data.find(_RTF)
    if start >= 0:
        return data[start:]
    text = decode(data).text
    return text[text.find(_RTF.decode()) :].encode("latin-1", "replace")


def _bare_mail(data: bytes) -> bytes:
    """A mail without a mark or blank lines before it, and without the envelope of an .emlx.

    Apple's begins with a line that has the mail's length, and ends with a property list.
    """
    data = data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    if data.startswith(_QUOTED_ENVELOPE):
        data = data[data.find(b"\n") + 1 :]
    line = data[:_APPLE_HEAD].lstrip()
    length = apple_mail(decode_head(line))
    if not length:
        return data
    start = data.index(line[:length]) + length
    found = re.match(rb"\d+", line)
    size = int(found[0]) if found else len(data)
    return data[start : start + size]
