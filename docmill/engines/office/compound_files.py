"""Files that their program opens without asking: protected by a password that it tries itself.

Excel encrypts a workbook whose structure is protected, and PowerPoint a presentation that may not
be changed, under a password that everybody has (MS-OFFCRYPTO 2.4.2.3 and its notes).
"""

import io
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.contracts.media_types import Media
from docmill.engines.office.old_sheets import is_protected, stream_of
from docmill.engines.office.zips import media_of_archive
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import olefile

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")

_MAIN_STREAMS = {
    "worddocument": Media.DOC,
    "workbook": Media.XLS,
    "book": Media.XLS,
    "powerpoint document": Media.PPT,
    "__properties_version1.0": Media.MSG,
}
_BY_CLASS = {
    "00020906-0000-0000-C000-000000000046": Media.DOC,
    "00020900-0000-0000-C000-000000000046": Media.DOC,
    "00020820-0000-0000-C000-000000000046": Media.XLS,
    "00020810-0000-0000-C000-000000000046": Media.XLS,
    "64818D10-4F9B-11CF-86EA-00AA00B929E8": Media.PPT,
    "00020D0B-0000-0000-C000-000000000046": Media.MSG,
}
"""Classes of the root storage: they decide where it has the streams of two programs."""
_PROTECTED_STREAMS = frozenset({"encryptedpackage", "encryptedsummary"})
_UNREAD = {
    "visiodocument": "a Visio drawing",
    "quill": "a Publisher document",
    "matost": "a Works document",
    "fileheader": "a Hangul document (HWP)",
    "catalog": "a folder's thumbnails (Thumbs.db)",
    "swdocmgrtempstorage": "a SolidWorks document",
    "props": "a Project plan",
    "!_stringpool": "a Windows installer",
    "\u4840\u3f3f\u4577\u446c\u3b6a\u45e4\u4824": "a Windows installer",
}
_STREAM = 2
_WORD_ENCRYPTED = 0x0100
_EXCEL_FILEPASS = 0x002F
_BEGINNING = 4096
_DAMAGE = (OSError, struct.error, ValueError, LookupError, TypeError, OverflowError, RecursionError)
"""What reading a damaged compound file raises; olefile's own errors are OSError."""
_DEFAULTS = ("VelvetSweatshop", "/01Hannes Ruescher/01")
_PACKAGES = frozenset({Media.DOCX, Media.XLSX, Media.XLSB, Media.PPTX})
_USER = "Current User"
_TOKEN_PLACE = 12
_ENCRYPTED_TOKEN = 0xF3D1C4DF
"""Of a protected presentation (MS-PPT 2.3.2, headerToken)."""


def media_of_compound_file(path: Path) -> Media:
    """Return what the compound file at ``path`` is.

    Raises:
        ItemFailure: CORRUPT for a damaged file, ENCRYPTED for a protected document,
            UNSUPPORTED_TYPE for what no engine reads, with the name of its kind where known.
    """
    import olefile  # noqa: PLC0415 - a child that never sees such a file never loads it

    try:
        with olefile.OleFileIO(str(path)) as file:
            return _media_of(file, path)
    except _DAMAGE:
        raise ItemFailure(FailureClass.CORRUPT, "The OLE compound file is damaged.") from None


def _media_of(file: "olefile.OleFileIO[Any]", path: Path) -> Media:
    root = file.root
    if root is None:
        raise ValueError("no root storage")
    children = root.kids  # type: ignore[attr-defined]  # its stubs lack it
    streams = (one for one in children if one.entry_type == _STREAM)
    names = {one.name.lower(): one.name for one in streams}
    if _PROTECTED_STREAMS & names.keys():
        return media_of_protected(path)
    found = {media: names[stream] for stream, media in _MAIN_STREAMS.items() if stream in names}
    if not found:
        kind = next((kind for name, kind in _UNREAD.items() if name in names), None)
        kind = kind or "an OLE compound file of an unknown program"
        raise ItemFailure(FailureClass.UNSUPPORTED_TYPE, f"No engine reads {kind}.")
    stated = _BY_CLASS.get(root.clsid)
    media = stated if stated in found else next(iter(found))
    if _has_password(media, _beginning(file, found[media])):
        return media_of_protected(path)
    return media


def _beginning(file: "olefile.OleFileIO[Any]", stream: str) -> bytes:
    with file.openstream([stream]) as opened:
        return bytes(opened.read(_BEGINNING))


def _has_password(media: Media, beginning: bytes) -> bool:
    """Word says it in its header's flags, Excel in the record behind the first."""
    if media is Media.DOC and len(beginning) >= 12:  # noqa: PLR2004 - offset 10, two bytes
        return bool(struct.unpack_from("<H", beginning, 10)[0] & _WORD_ENCRYPTED)
    if media is Media.XLS and len(beginning) >= 8:  # noqa: PLR2004 - two record headers
        first_length = struct.unpack_from("<H", beginning, 2)[0]
        second = beginning[4 + first_length : 6 + first_length]
        return second == struct.pack("<H", _EXCEL_FILEPASS)
    return False


def opened(data: bytes) -> bytes:
    """Return an Office file without its protection.

    Raises:
        ItemFailure: ENCRYPTED, when none of the default passwords opens it.
    """
    import msoffcrypto  # noqa: PLC0415 - only for protected files
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError, ParseError  # noqa: PLC0415

    for password in _DEFAULTS:
        out = io.BytesIO()
        try:
            file = msoffcrypto.OfficeFile(io.BytesIO(data))
            file.load_key(password=password)
            file.decrypt(out)
        except (DecryptionError, FileFormatError, InvalidKeyError, ParseError):
            continue
        except Exception:  # noqa: BLE001, S112 - the library answers damage with whatever comes up
            continue
        if out.getvalue():
            return out.getvalue()
    raise ItemFailure(FailureClass.ENCRYPTED)


def is_protected_presentation(data: bytes) -> bool:
    """Say whether a presentation of old PowerPoint is encrypted."""
    import olefile  # noqa: PLC0415 - only for files of old PowerPoint

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            user = file.openstream(_USER).read() if file.exists(_USER) else b""
    except (OSError, ValueError, IndexError, struct.error, AttributeError, TypeError):
        return False
    if len(user) < _TOKEN_PLACE + 4:
        return False
    return bool(struct.unpack_from("<I", user, _TOKEN_PLACE)[0] == _ENCRYPTED_TOKEN)


def unprotected(data: bytes, media_type: str) -> bytes:
    """Return a document without the protection under which its program opens it unasked.

    Args:
        data: the file; mostly it is returned as it is.
        media_type: what it is, or is under its protection.

    Raises:
        ItemFailure: ENCRYPTED, when a password is needed.
    """
    if not data.startswith(MAGIC):
        return data
    if media_type in _PACKAGES:
        return opened(data)
    if media_type == Media.XLS:
        stream = stream_of(data)
        return opened(data) if stream is not None and is_protected(stream) else data
    if media_type == Media.PPT and is_protected_presentation(data):
        return opened(data)
    return data


def media_of_protected(path: Path) -> Media:
    """Return what a protected file is, if its program opens it without asking.

    Raises:
        ItemFailure: ENCRYPTED, when a password is needed.
    """
    data = opened(path.read_bytes())
    if data.startswith(MAGIC):
        return Media.XLS  # the only one of the old formats whose protection detection finds
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return media_of_archive(archive)
    except zipfile.BadZipFile:
        raise ItemFailure(FailureClass.ENCRYPTED) from None
