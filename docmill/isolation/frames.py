"""Messages between the pool and a child process: a length and JSON, with facts, not results."""

import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

from docmill.contracts.warnings import ResultWarning
from docmill.engines.base import (
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

HEADER = struct.Struct(">I")
MAX_FRAME = 8 * 1024 * 1024
"""Maximum bytes of a message, enough for the maximum rules of a classify job in any script. A
longer message is invalid."""


class FrameError(Exception):
    """Data from the pipe is not a valid message."""


def pack(message: dict[str, Any]) -> bytes:
    """Encode ``message`` for the pipe.

    Raises:
        FrameError: it is longer than `MAX_FRAME`.
    """
    body = json.dumps(message).encode()
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body)} bytes is too long")
    return HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """Return the length of the body after ``header``.

    Raises:
        FrameError: more than `MAX_FRAME`.
    """
    length = int(HEADER.unpack(header)[0])
    if length > MAX_FRAME:
        raise FrameError(f"a message claims {length} bytes")
    return length


def unpack(body: bytes) -> dict[str, Any]:
    """Decode the message in ``body``.

    Raises:
        FrameError: it is not a JSON object.
    """
    try:
        message = json.loads(body)
    except ValueError as error:
        raise FrameError(str(error)) from None
    if not isinstance(message, dict):
        raise FrameError("a message is not an object")
    return message


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """Return the next message from a blocking ``stream``; None at its end."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    return unpack(stream.read(body_length(header)))


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
    """Return ``task`` as a message."""
    # `asdict` would copy the parameters deeply.
    wanted = None if task.slice is None else _fields(task.slice)
    return _fields(task) | {"limits": _fields(task.limits), "slice": wanted}


def _fields(one: EngineTask | Limits | Slice) -> dict[str, Any]:
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


def answer_of(message: dict[str, Any]) -> EngineReport | ItemFailure:
    """Decode the answer to a task.

    Raises:
        FrameError: fields are missing or of the wrong type.
    """
    try:
        if "failure" in message:
            return _failure(**message["failure"])
        return _report(**message["report"])
    except (TypeError, ValueError, KeyError, AttributeError, UsageError) as error:
        raise FrameError(f"an answer cannot be read: {error}") from None


def _failure(*, failure_class: str, message: str, phase: str) -> ItemFailure:
    return ItemFailure(FailureClass(failure_class), str(message), str(phase))


def _report(*, warnings: list[Any], **fields: Any) -> EngineReport:
    part = fields.pop("slice", None)
    report = EngineReport(
        **fields,
        warnings=[ResultWarning.model_validate(w) for w in warnings],
        slice=None if part is None else _slice_report(**part),
    )
    counts = (report.pages_total, report.pages_ok, report.pages_failed)
    words = (report.engine, report.engine_version, report.media_type, *report.files)
    if not all(isinstance(n, int) for n in counts) or not all(isinstance(w, str) for w in words):
        raise TypeError("a field has the wrong type")
    if any(Path(name).name != name for name in report.files):
        raise ValueError("a file lies outside the output folder")
    return report


def _slice_report(*, asked: str, recognise: str) -> SliceReport:
    for pages in (asked, recognise):
        PageSelection.read(None, pages)  # check its syntax
    return SliceReport(asked, recognise)
