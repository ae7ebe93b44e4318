"""OLE compound files: their type, and decryption with the default passwords of Office.

Excel and PowerPoint encrypt a document under a fixed, public password when it is only protected
against changes (MS-OFFCRYPTO 2.4.2.3 and its notes). Their own programs open it without a prompt.

Only the streams of the root storage decide the type (MS-CFB): storages below it belong to embedded
objects, attachments and macros.
"""

import io
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.contracts.media_types import Media
from docmill.engines.office.old_sheets import is_protected, workbook_stream
from docmill.engines.office.zip_archives import media_of_archive
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
"""Class ids of the root storage. They decide when it has the streams of two programs."""
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
"""Exceptions of a damaged compound file. olefile's own errors derive from OSError."""
_DEFAULTS = ("VelvetSweatshop", "/01Hannes Ruescher/01")
_PACKAGES = frozenset({Media.DOCX, Media.XLSX, Media.XLSB, Media.PPTX})
_USER = "Current User"
_TOKEN_PLACE = 12
_ENCRYPTED_TOKEN = 0xF3D1C4DF
"""The headerToken of an encrypted presentation (MS-PPT 2.3.2)."""


def media_of_compound_file(path: Path) -> Media:
    """Return the media type of the compound file at ``path``.

    Raises:
        ItemFailure: CORRUPT for a damaged file, ENCRYPTED for a document with a password,
            UNSUPPORTED_TYPE for a type that no engine reads; the message names the type if known.
    """
    import olefile  # noqa: PLC0415 - loaded only for compound files

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
    with file.openstream([stream]) as data:
        return bytes(data.read(_BEGINNING))


def _has_password(media: Media, beginning: bytes) -> bool:
    """Return whether the header flags (Word) or the second record (Excel) state encryption."""
    if media is Media.DOC and len(beginning) >= 12:  # noqa: PLR2004 - offset 10, two bytes
        return bool(struct.unpack_from("<H", beginning, 10)[0] & _WORD_ENCRYPTED)
    if media is Media.XLS and len(beginning) >= 8:  # noqa: PLR2004 - two record headers
        first_length = struct.unpack_from("<H", beginning, 2)[0]
        second = beginning[4 + first_length : 6 + first_length]
        return second == struct.pack("<H", _EXCEL_FILEPASS)
    return False


def decrypted(data: bytes) -> bytes:
    """Decrypt an Office file with the default passwords.

    Raises:
        ItemFailure: ENCRYPTED, when none of the default passwords fits.
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
        except Exception:  # noqa: BLE001, S112 - damage raises many types
            continue
        if out.getvalue():
            return out.getvalue()
    raise ItemFailure(FailureClass.ENCRYPTED)


def is_protected_presentation(data: bytes) -> bool:
    """Return whether a presentation of PowerPoint 97 to 2003 is encrypted."""
    import olefile  # noqa: PLC0415 - loaded only for PPT files

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            user = file.openstream(_USER).read() if file.exists(_USER) else b""
    except (OSError, ValueError, IndexError, struct.error, AttributeError, TypeError):
        return False
    if len(user) < _TOKEN_PLACE + 4:
        return False
    return bool(struct.unpack_from("<I", user, _TOKEN_PLACE)[0] == _ENCRYPTED_TOKEN)


def without_default_password(data: bytes, media_type: str) -> bytes:
    """Return a document without default-password encryption.

    Args:
        data: the file; returned unchanged unless it is encrypted.
        media_type: type of the document, decrypted or not.

    Raises:
        ItemFailure: ENCRYPTED, when another password is needed.
    """
    if not data.startswith(MAGIC):
        return data
    if media_type in _PACKAGES:
        return decrypted(data)
    if media_type == Media.XLS:
        stream = workbook_stream(data)
        return decrypted(data) if stream is not None and is_protected(stream) else data
    if media_type == Media.PPT and is_protected_presentation(data):
        return decrypted(data)
    return data


def media_of_protected(path: Path) -> Media:
    """Return the media type of a file that is encrypted with a default password.

    Raises:
        ItemFailure: ENCRYPTED, when another password is needed.
    """
    data = decrypted(path.read_bytes())
    if data.startswith(MAGIC):
        return Media.XLS  # detection finds encryption only in this old format
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return media_of_archive(archive)
    except zipfile.BadZipFile:
        raise ItemFailure(FailureClass.ENCRYPTED) from None
