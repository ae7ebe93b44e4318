"""Files that their program opens without asking: protected by a password that it tries itself.

Excel encrypts a workbook whose structure is protected, and PowerPoint a presentation that may not
be changed, under a password that everybody has (MS-OFFCRYPTO 2.4.2.3 and its notes).
"""

import io
import struct
import zipfile
from pathlib import Path

from docmill.contracts.media_types import Media
from docmill.engines.office.old_sheets import is_protected, stream_of
from docmill.engines.office.zips import media_of_archive
from docmill.errors import FailureClass, ItemFailure

_DEFAULTS = ("VelvetSweatshop", "/01Hannes Ruescher/01")
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_PACKAGES = frozenset({Media.DOCX, Media.XLSX, Media.XLSB, Media.PPTX})
_USER = "Current User"
_TOKEN_PLACE = 12
_ENCRYPTED_TOKEN = 0xF3D1C4DF
"""Of a protected presentation (MS-PPT 2.3.2, headerToken)."""


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
    if not data.startswith(OLE):
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
    if data.startswith(OLE):
        return Media.XLS  # the only one of the old formats whose protection detection finds
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return media_of_archive(archive)
    except zipfile.BadZipFile:
        raise ItemFailure(FailureClass.ENCRYPTED) from None
