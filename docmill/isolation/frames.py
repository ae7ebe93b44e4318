"""Messages between the pool and a child process: lengths, JSON, and the bytes of small files."""

import json
import struct
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any, BinaryIO, NamedTuple

from docmill.contracts.warnings import ResultWarning
from docmill.engines.base import (
    INLINE_BYTES,
    RESULT_FILE,
    SLICE_FILE,
    Engine,
    EngineReport,
    EngineTask,
    Limits,
    Profile,
    Slice,
    SliceReport,
)
from docmill.engines.selection import PageSelection
from docmill.errors import FailureClass, ItemFailure, UsageError

_HEADER = struct.Struct(">II")
MAX_FRAME = 8 * 1024 * 1024
"""Maximum bytes of a message, enough for the maximum rules of a classify job in any script. A
longer message is invalid."""


_NO_NAMES = frozenset({"", "."})


class FrameError(Exception):
    """Data from the pipe is not a valid message."""


class Frame(NamedTuple):
    """One message.

    Attributes:
        message: its JSON object.
        data: bytes of files, one after the other.
    """

    message: dict[str, Any]
    data: bytes


def pack(message: dict[str, Any], data: bytes = b"") -> bytes:
    """Encode ``message`` and the bytes of small files for the pipe.

    Raises:
        FrameError: one of them is too long.
    """
    body = json.dumps(message).encode()
    _check_lengths(len(body), len(data))
    return _HEADER.pack(len(body), len(data)) + body + data


class Decoder:
    """Splits received bytes into messages."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Add received bytes; return the messages that are complete now.

        Raises:
            FrameError: the bytes are no valid message.
        """
        self._received += data
        found = []
        while (frame := self._next()) is not None:
            found.append(frame)
        return found

    def _next(self) -> Frame | None:
        received = self._received
        if len(received) < _HEADER.size:
            return None
        length, size = _lengths(received[: _HEADER.size])
        end = _HEADER.size + length
        if len(received) < end + size:
            return None
        frame = Frame(_unpack(received[_HEADER.size : end]), bytes(received[end : end + size]))
        del received[: end + size]
        return frame


def read(stream: BinaryIO) -> Frame | None:
    """Return the next message from a blocking ``stream``; None at its end."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    length, size = _lengths(header)
    return Frame(_unpack(stream.read(length)), stream.read(size))


def _lengths(header: bytes | bytearray) -> tuple[int, int]:
    length, size = _HEADER.unpack(header)
    _check_lengths(length, size)
    return length, size


def _check_lengths(length: int, size: int) -> None:
    if length > MAX_FRAME or size > INLINE_BYTES:
        raise FrameError(f"a message of {length} bytes with {size} bytes of files is too long")


def _unpack(body: bytes | bytearray) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise FrameError(str(error)) from None
    if not isinstance(message, dict):
        raise FrameError("a message is not an object")
    return message


def ready_message(inherited_peak: int, resident: int) -> dict[str, Any]:
    """Return the message that a child process is ready.

    Args:
        inherited_peak: peak memory that the kernel attributes to it from before its start.
        resident: its resident memory in bytes.
    """
    return {"inherited_peak": inherited_peak, "resident": resident}


def state_message(is_spent: bool, resident: int) -> dict[str, Any]:
    """Return the fields of an answer about its process.

    Args:
        is_spent: whether it should get no further task.
        resident: its resident memory in bytes.
    """
    return {"is_spent": is_spent, "resident": resident}


def resident_of(message: dict[str, Any]) -> int:
    """Return the resident memory of the sender of ``message``, in bytes.

    Raises:
        FrameError: the field is missing or invalid.
    """
    resident = message.get("resident")
    if not isinstance(resident, int):
        raise FrameError(f"a message claims {resident!r} bytes of memory")
    return resident


def task_message(task: EngineTask) -> dict[str, Any]:
    """Return ``task`` as a message; the bytes of its document are not part of it."""
    # `asdict` would copy the parameters deeply.
    wanted = None if task.slice is None else _fields(task.slice)
    changed = {"limits": _fields(task.limits), "slice": wanted, "content": None}
    return _fields(task) | changed


def _fields(one: EngineTask | EngineReport | Limits | Slice | SliceReport) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def task_of(message: dict[str, Any]) -> EngineTask:
    """Decode the task in ``message``."""
    wanted = message["slice"]
    known = {
        "limits": Limits(**message["limits"]),
        "slice": wanted and Slice(tuple(wanted["pages"]), wanted["recognise"]),
        "parts": tuple(message["parts"]),
    }
    return EngineTask(**(message | known))


def engine_message(engine: Engine) -> dict[str, Any]:
    """Return the message that names the engine of the document."""
    return {"engine": engine.name, "engine_version": engine.version}


def engine_of(message: dict[str, Any]) -> tuple[str, str] | None:
    """Return name and version of the announced engine; None for other messages."""
    if "engine" not in message:
        return None
    return str(message["engine"]), str(message.get("engine_version"))


def pages_message(pages: int, ocr_pages: int) -> dict[str, Any]:
    """Return the message with the number of pages, and of pages with text recognition."""
    return {"pages": pages, "ocr_pages": ocr_pages}


def pages_of(message: dict[str, Any]) -> tuple[int, int] | None:
    """Return the announced numbers of pages, in total and with OCR; None for other messages.

    Raises:
        FrameError: the numbers are invalid.
    """
    if "pages" not in message:
        return None
    match message:
        case {"pages": int(pages), "ocr_pages": int(ocr_pages)} if min(pages, ocr_pages) >= 0:
            return pages, ocr_pages
    raise FrameError(f"a message announces {message!r:.100} pages")


def profile_message(profile: Profile) -> dict[str, Any]:
    """Return the message that a task needs a process with another profile."""
    return {"profile": profile}


def profile_in(message: dict[str, Any]) -> Profile | None:
    """Return the requested profile; None for other messages.

    Raises:
        FrameError: the profile does not exist.
    """
    if "profile" not in message:
        return None
    try:
        return Profile(message["profile"])
    except ValueError:
        raise FrameError(f"a message asks for {message!r:.100}") from None


def report_message(report: EngineReport) -> Frame:
    """Return ``report`` as a message, with the bytes of files that are in memory."""
    own = {
        "warnings": [warning.model_dump(mode="json") for warning in report.warnings],
        "slice": report.slice and _fields(report.slice),
        "contents": {},
    }
    files = [report.contents[name] for name in report.files] if report.contents else []
    return Frame({"report": _fields(report) | own, "sizes": [*map(len, files)]}, b"".join(files))


def failure_message(failure: ItemFailure, message: str) -> Frame:
    """Return ``failure`` as a message, with ``message`` for users."""
    fields = {
        "failure_class": failure.failure_class,
        "message": message,
        "phase": failure.phase,
    }
    return Frame({"failure": fields}, b"")


def answer_of(frame: Frame) -> EngineReport | ItemFailure:
    """Decode the answer to a task.

    Raises:
        FrameError: fields are missing or of the wrong type.
    """
    message = frame.message
    try:
        if "failure" in message:
            return _failure(**message["failure"])
        report = _report(**message["report"])
        sizes = message.get("sizes")
        contents = _contents(report.files, sizes, frame.data) if sizes else {}
        return replace(report, contents=contents)
    except (TypeError, ValueError, KeyError, AttributeError, UsageError) as error:
        raise FrameError(f"an answer cannot be read: {error}") from None


def _contents(names: list[str], sizes: list[int], data: bytes) -> dict[str, bytes]:
    """Return the bytes of the files of a report, which ``data`` has one after the other."""
    ends = list(accumulate(sizes, initial=0))
    counts = {len(sizes), len(names), len({*names})}
    if len(counts) > 1 or min(sizes) < 0 or ends[-1] != len(data):
        raise ValueError("the sizes of files do not match their bytes")
    return {name: data[a:b] for name, (a, b) in zip(names, pairwise(ends), strict=True)}


def _failure(*, failure_class: str, message: str, phase: str) -> ItemFailure:
    return ItemFailure(FailureClass(failure_class), str(message), str(phase))


def _report(*, warnings: list[Any], **fields: Any) -> EngineReport:
    part = fields.pop("slice", None)
    report = EngineReport(
        **fields,
        warnings=[ResultWarning.model_validate(w) for w in warnings],
        slice=None if part is None else _slice_report(**part),
    )
    if report.contents:
        raise ValueError("the bytes of files are not part of a report")
    counts = (report.pages_total, report.pages_ok, report.pages_failed)
    words = (report.engine, report.engine_version, report.media_type, *report.files)
    if not all(isinstance(n, int) for n in counts) or not all(isinstance(w, str) for w in words):
        raise TypeError("a field has the wrong type")
    if any("/" in name or name in _NO_NAMES for name in report.files):
        raise ValueError("a file lies outside the output folder")
    if len({*report.files}) < len(report.files):
        raise ValueError("a file is named twice")
    if (RESULT_FILE if report.slice is None else SLICE_FILE) not in report.files:
        raise ValueError("the result is not among the files")
    return report


def _slice_report(*, asked: str, recognise: str) -> SliceReport:
    for pages in (asked, recognise):
        PageSelection.read(None, pages)  # check its syntax
    return SliceReport(asked, recognise)
