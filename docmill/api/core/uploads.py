"""Streamed multipart uploads: the file is written to disk and hashed chunk by chunk."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from docmill.api.core.errors import FieldError, TooLargeError
from docmill.api.core.limits import UploadLimit
from docmill.api.core.services import Services
from docmill.api.core.wire import MAX_NAME, storable
from docmill.objects.documents import store_document
from docmill.objects.staging import Staging
from docmill.records.tables.sources import File
from docmill.settings import MIB

CHUNK_BYTES = MIB
"""Bytes that are buffered before a thread writes and hashes them."""
MAX_TEXT_BYTES = MIB
"""Total size of the text parts of one upload."""
MAX_PARTS = 100
"""Parts of one form: routes read at most ten. The parser bounds the headers of each part."""
MAX_BESIDES_FILE_BYTES = 8 * MIB
"""Size of a form without its file: text parts, headers of `MAX_PARTS` parts, and an epilogue."""
UPLOAD_BYTES = 1 << 50
"""The framework's limit for upload routes: out of reach, because `receive_upload` has its own."""
_CONTENT_TYPE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]{0,198}[\x21-\x7e])?")
"""Values that can be stored and sent as a header."""
_EXTENDED_NAME = re.compile(
    r";\s*filename\*\s*=\s*(?P<charset>[\w-]+)'[^']*'(?P<name>[^;\s]+)", re.IGNORECASE
)


@dataclass(slots=True)
class Upload:
    """One received form.

    Attributes:
        fields: the text parts.
        path: the received file; removed when the request ends, unless it was moved.
        name: the file name from the client; None if the form had no file.
    """

    path: Path
    fields: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    content_type: str | None = None
    size: int = 0
    sha256: str = ""


@dataclass(slots=True)
class _Part:
    name: str = ""
    filename: str | None = None
    content_type: str | None = None
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)


class _Form:
    """Callbacks of the multipart parser; ``piece`` buffers the bytes of the file part."""

    def __init__(self, file_part: str, upload: Upload) -> None:
        self._file_part = file_part
        self._upload = upload
        self._part = _Part()
        self._texts = 0
        self._parts = 0
        self.piece = bytearray()
        self.complete = False

    def on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise TooLargeError(f"The form has more than {MAX_PARTS} parts.")
        self._part = _Part()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.value += data[start:end]

    def on_header_end(self) -> None:
        header = bytes(self._part.header).lower()
        # Header text is UTF-8, but the parser expects it decoded as Latin-1.
        value = bytes(self._part.value).decode("latin-1")
        if header == b"content-disposition":
            _, options = parse_options_header(value)
            self._part.name = _text(options.get(b"name", b""))
            self._part.filename = _file_name(value, options)
        elif header == b"content-type":
            self._part.content_type = value
        self._part.header.clear()
        self._part.value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.name == self._file_part:
            self.piece += data[start:end]
            return
        self._texts += end - start
        if self._texts > MAX_TEXT_BYTES:
            raise TooLargeError("The form's text fields are larger than 1 MiB.")
        self._part.value += data[start:end]

    def on_part_end(self) -> None:
        if self._part.name != self._file_part:
            self._upload.fields[self._part.name] = _text(bytes(self._part.value))
        elif self._upload.name is not None:
            raise FieldError("Only one file can be sent at a time.", "body", self._file_part)
        else:
            self._upload.name = self._part.filename or self._file_part
            self._upload.content_type = self._part.content_type

    def on_end(self) -> None:
        self.complete = True


def _file_name(header: str, options: Mapping[bytes, bytes]) -> str | None:
    """Return the file name of a part; the extended form (RFC 5987) wins, as RFC 6266 requires."""
    if extended := _EXTENDED_NAME.search(header):
        with suppress(LookupError, UnicodeError):
            return unquote_to_bytes(extended["name"]).decode(extended["charset"])
    return _text(options[b"filename"]) if b"filename" in options else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


@asynccontextmanager
async def receive_upload(
    request: Request, file_part: str, scratch: Staging, limit: UploadLimit
) -> AsyncIterator[Upload]:
    """Receive a form with one file.

    Args:
        request: a ``multipart/form-data`` request.
        file_part: name of the part with the file.
        scratch: folder for the bytes during the request.
        limit: the maximum file size.

    Raises:
        FieldError: the form is malformed, or it has no file.
        TooLargeError: the file, the text fields or the number of parts exceed their limit.
    """
    upload = Upload(scratch.fresh())
    with upload.path.open("xb") as sink:
        try:
            await _receive(request, _Form(file_part, upload), upload, sink, limit)
            if upload.name is None:
                raise FieldError("The file is missing.", "body", file_part)
            _check_names(upload, file_part)
            yield upload
        finally:
            upload.path.unlink(missing_ok=True)


async def _receive(
    request: Request, form: _Form, upload: Upload, sink: IO[bytes], limit: UploadLimit
) -> None:
    parser = _parser(request, form)
    digest = hashlib.sha256()

    def flush() -> None:
        digest.update(form.piece)
        sink.write(form.piece)
        upload.size += len(form.piece)
        form.piece.clear()

    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        try:
            parser.write(chunk)
        except FormParserError as error:
            raise FieldError("The form is malformed.", "body") from error
        if upload.size + len(form.piece) > limit.max_bytes:
            raise limit.error()
        if received > limit.max_bytes + MAX_BESIDES_FILE_BYTES:
            raise TooLargeError("The form has too many bytes besides its file.")
        if len(form.piece) >= CHUNK_BYTES:
            await asyncio.to_thread(flush)
    if not form.complete:
        raise FieldError("The form is incomplete.", "body")
    await asyncio.to_thread(flush)
    sink.flush()
    upload.sha256 = digest.hexdigest()


def _parser(request: Request, form: _Form) -> MultipartParser:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise FieldError("The body must be multipart/form-data with a boundary.", "body")
    callbacks = {name: getattr(form, name) for name in dir(form) if name.startswith("on_")}
    return MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]


def _check_names(upload: Upload, file_part: str) -> None:
    assert upload.name is not None
    if len(upload.name) > MAX_NAME:
        raise FieldError(f"The name is longer than {MAX_NAME} characters.", "body", file_part)
    if upload.content_type is not None and not _CONTENT_TYPE.fullmatch(upload.content_type):
        raise FieldError("The Content-Type of the part is malformed.", "body", file_part)
    for name, value in (*upload.fields.items(), (file_part, upload.name)):
        try:
            storable(name)
            storable(value)
        except ValueError as error:
            raise FieldError(str(error), "body", file_part) from None


@asynccontextmanager
async def stored_upload(
    services: Services,
    project_id: str,
    upload: Upload,
    *,
    external_file_id: str | None = None,
    purpose: str | None = None,
) -> AsyncIterator[File]:
    """Store the bytes, and yield a `File` row without an id for the caller to insert.

    Raises:
        LimitError: the project may not store them.
        UnavailableError: the store or the database is unavailable.
    """
    await services.stored_bytes.admit(services.database, project_id, services.limits, upload.size)
    document = (project_id, upload.sha256, upload.size, upload.path)
    key = await store_document(services.store, *document)
    yield File(
        project_id=project_id,
        name=upload.name,
        size=upload.size,
        sha256=upload.sha256,
        object_key=key,
        content_type=upload.content_type,
        external_file_id=external_file_id,
        purpose=purpose,
    )
    await store_document(services.store, *document)  # retention may have removed the bytes


def form_body(file_part: str, required: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """Return the OpenAPI description of a form with one file and text parts."""
    texts = {name: {"type": "string"} for name in (*required, *optional)}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": [file_part, *required],
                        "properties": {
                            file_part: {"type": "string", "format": "binary"},
                            **texts,
                        },
                    }
                }
            },
        }
    }
