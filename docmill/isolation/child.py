"""Engine process, from its fork to its end.

It confines itself, reads tasks from one pipe, and answers on another. Output of an engine goes
elsewhere, so it cannot corrupt an answer.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from errno import EFBIG, ENOSPC
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from docmill.engines.base import Engine, EngineTask, Profile, profile_of
from docmill.engines.execute import run_task
from docmill.engines.parse import Watcher
from docmill.engines.registry import Registry
from docmill.errors import DocmillError, FailureClass, ItemFailure, bounded
from docmill.isolation import frames, limits
from docmill.isolation.exits import out_of_memory, peak_so_far
from docmill.isolation.private_folder import DOCUMENTS, OUTPUT, TEMPORARY
from docmill.isolation.sandbox.confinement import Level, confine

TRACEPARENT = "TRACEPARENT"
"""The variable with the trace context of a process. Source:
https://opentelemetry.io/docs/specs/otel/context/env-carriers/."""

_PATH = re.compile(r"(?<![\w:/.])/(?:[^\s/'\"]+/)+([^\s/'\"]*)")


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings of an engine process for its whole life.

    Attributes:
        server: process id of the fork server.
        folder: its private folder; see `docmill.isolation.private_folder`.
        level: level of its confinement.
        profile: profile of the engines that it may run.
        memory_bytes: limit of the address space.
        output_bytes: size of the largest output file.
    """

    server: int
    folder: Path
    level: Level
    profile: Profile
    memory_bytes: int
    output_bytes: int


class OtherProfileError(Exception):
    """The document's engine needs another profile than this process has."""

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self.profile = profile


def live(settings: ProcessSettings, descriptors: list[int], registry: Registry) -> None:
    """Run an engine process until the pool closes the pipe.

    Args:
        settings: settings of the process.
        descriptors: descriptors of requests, answers and standard error; all others are closed.
        registry: the engines.
    """
    os.setsid()
    limits.die_with_parent(settings.server)
    requests, answers = _keep_only(descriptors)
    temporary = str(settings.folder / TEMPORARY)
    os.environ.update(dict.fromkeys(("HOME", "TMPDIR", "PATH"), temporary))
    os.chdir(temporary)
    tempfile.tempdir = None
    limits.limit_process(settings.memory_bytes, settings.output_bytes)
    own = limits.OwnState.opened()
    writable = [settings.folder / OUTPUT, settings.folder / TEMPORARY]
    confine(settings.level, settings.profile, settings.folder / DOCUMENTS, writable)

    def chosen(engine: Engine) -> None:
        _send(answers, frames.engine_message(engine))
        if profile_of(engine) is not settings.profile:
            raise OtherProfileError(profile_of(engine))

    watcher = Watcher(
        chosen=chosen, counted=lambda *pages: _send(answers, frames.pages_message(*pages))
    )
    _send(answers, frames.ready_message(peak_so_far(), own.resident_bytes()))
    while frame := frames.read(requests):
        task = frames.task_of(frame.message)
        _send(answers, {"started": True})
        try:
            answer = run(replace(task, content=frame.data or None), registry, watcher)
        except OtherProfileError as error:
            answer = frames.Frame(frames.profile_message(error.profile), b"")
        state = frames.state_message(own.is_spent(), own.resident_bytes())
        _send(answers, answer.message | state, answer.data)


def load_registry(name: str) -> Registry:
    """Call the function ``module:function ARGUMENT …`` with its arguments; return its result."""
    place, *arguments = name.split(" ")
    module, _, function = place.partition(":")
    registry = getattr(import_module(module), function)(*arguments)
    if not isinstance(registry, Registry):
        raise TypeError(f"{name} returned no Registry")
    return registry


def run(task: EngineTask, registry: Registry, watcher: Watcher) -> frames.Frame:
    """Run ``task`` and return the answer: a report, or a failure with its class."""
    os.environ[TRACEPARENT] = task.traceparent or ""
    try:
        with _document_of(task):
            report = run_task(task, registry, watcher)
    except (SystemExit, KeyboardInterrupt, OtherProfileError):
        raise
    except BaseException as error:  # noqa: BLE001 - panics of native engines derive from BaseException
        failure = failure_of(error, task)
        return frames.failure_message(failure, without_paths(failure.message))
    return frames.report_message(report)


@contextmanager
def _document_of(task: EngineTask) -> Iterator[None]:
    """Write the document's bytes to its path during the block, if they came with the task.

    The file is overwritten, and erased except for one byte, instead of created and deleted each
    time. Creating a file is the most expensive call on the path of a small document, and some file
    systems begin to write a file to the disk when it was truncated to nothing before.
    """
    if task.content is None:
        yield
        return
    descriptor = os.open(task.document, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _overwrite(file, task.content)
        try:
            yield
        finally:
            _overwrite(file, b"\0")


def _overwrite(file: BinaryIO, content: bytes) -> None:
    file.seek(0)
    file.write(content)
    file.flush()
    file.truncate()


def failure_of(error: BaseException, task: EngineTask) -> ItemFailure:
    """Translate an exception of an engine to a failure."""
    if isinstance(error, ItemFailure):
        return error
    if isinstance(error, MemoryError):
        return out_of_memory(task.limits.memory_bytes)
    if isinstance(error, OSError) and error.errno == ENOSPC:
        return ItemFailure(FailureClass.STORAGE_ERROR, "The disk is full.", "store")
    if isinstance(error, OSError) and error.errno == EFBIG:
        mib = task.limits.output_bytes // (1024 * 1024)
        return ItemFailure(
            FailureClass.ENGINE_ERROR, f"The engine wrote a file larger than {mib} MiB."
        )
    if isinstance(error, DocmillError):
        return ItemFailure(FailureClass.ENGINE_ERROR, error.message)
    return ItemFailure(FailureClass.ENGINE_ERROR, f"{type(error).__name__}: {error}")


def without_paths(text: str) -> str:
    """Shorten absolute paths in ``text`` to their last part; the rest is meaningless to users."""
    return bounded(_PATH.sub(r"\1", text))


def _keep_only(descriptors: list[int]) -> tuple[BinaryIO, BinaryIO]:
    """Close all descriptors but these; output is redirected to the last one."""
    requests, answers, errors = descriptors
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    first = 3
    for kept in sorted((requests, answers)):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb", buffering=0)


def _send(answers: BinaryIO, message: dict[str, Any], data: bytes = b"") -> None:
    remaining = memoryview(frames.pack(message, data))
    while remaining:
        remaining = remaining[answers.write(remaining) :]
