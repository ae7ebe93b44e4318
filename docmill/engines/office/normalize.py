"""Normalization of documents into the form that xberg reads."""

import codecs
import io
import re
import zipfile
from dataclasses import dataclass

from docmill.contracts.media_types import OFFICE_XML, Media
from docmill.engines.office.flat_xml import open_manifest, package_of
from docmill.engines.office.open_packaging import with_usual_names
from docmill.engines.office.zip_archives import archive_errors
from docmill.engines.text.charsets import Decoded, decode, decode_head
from docmill.engines.text.kinds import apple_mail

_PACKAGES = frozenset({Media.DOCX, Media.XLSX, Media.XLSB, Media.PPTX})
_STATING = frozenset({Media.ODT, Media.ODS, Media.ODP})
_MIMETYPE = "mimetype"
_MANIFEST = "META-INF/manifest.xml"
_RTF = b"{\\rtf"
_APPLE_HEAD = 64
_QUOTED_ENVELOPE = b">From "
"""A line between messages of an mbox, quoted by a program that saved a single message."""


@dataclass(frozen=True, slots=True)
class NormalizedDocument:
    """A document in the form that xberg reads.

    Attributes:
        data: the bytes.
        media_type: media type of these bytes.
        decoded: the detected character set; None where the format has rules of its own.
    """

    data: bytes
    media_type: str
    decoded: Decoded | None = None


def normalize(data: bytes, media_type: str) -> NormalizedDocument:
    """Convert a document into the form that xberg reads. Most are returned unchanged.

    Args:
        data: the bytes.
        media_type: detected media type.

    Raises:
        ItemFailure: CORRUPT or ENCRYPTED; for flat XML also UNSUPPORTED_TYPE.
    """
    if media_type == Media.HTML:
        decoded = decode(data, markup=True)
        return NormalizedDocument(decoded.text.encode("utf-8", "replace"), media_type, decoded)
    if media_type == Media.EML:
        return NormalizedDocument(_normalized_mail(data), media_type)
    if media_type == Media.RTF:
        return NormalizedDocument(
            data if data.startswith(_RTF) else _normalized_rtf(data), media_type
        )
    with archive_errors():
        if media_type in OFFICE_XML:
            packed, media = package_of(data, Media(media_type))
            return NormalizedDocument(with_usual_names(packed, media), media.value)
        if media_type in _PACKAGES:
            data = with_usual_names(data, Media(media_type))
        elif media_type in _STATING:
            data = _with_stated_type(data, media_type)
    return NormalizedDocument(data, media_type)


def _with_stated_type(data: bytes, media_type: str) -> bytes:
    """Add the two entries that state the type of an OpenDocument package; xberg requires them."""
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


def _normalized_rtf(data: bytes) -> bytes:
    """Return RTF from its first group on, as ASCII."""
    start = data.find(_RTF)
    if start >= 0:
        return data[start:]
    text = decode(data).text
    return text[text.find(_RTF.decode()) :].encode("latin-1", "replace")


def _normalized_mail(data: bytes) -> bytes:
    """Return a mail without a byte order mark, leading blank lines and the envelope of an .emlx.

    An .emlx starts with a line that states the length of the mail, and ends with a property list.
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
