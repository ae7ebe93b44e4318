"""The program of an engine's child process: ``python -m docmill.isolation.child PARENT ENGINES``.

It reads tasks from what was its standard input and answers on what was its standard output. Both
are moved to other descriptors first, so that nothing an engine prints can garble an answer.
"""

import gc
import os
import re
import sys
from dataclasses import asdict
from errno import EFBIG, ENOSPC
from importlib import import_module
from typing import Any, BinaryIO

from docmill.engines.base import EngineTask
from docmill.engines.execute import run_task
from docmill.engines.parse import Watcher
from docmill.engines.registry import Registry
from docmill.errors import DocmillError, FailureClass, ItemFailure, bounded
from docmill.isolation import frames, limits
from docmill.isolation.verdicts import out_of_memory, peak_so_far, resident_bytes

_PATH = re.compile(r"(?<![\w:/.])/(?:[^\s/'\"]+/)+([^\s/'\"]*)")


def main() -> None:
    """Serve tasks until the pool closes the pipe."""
    parent, engines = int(sys.argv[1]), sys.argv[2]
    limits.die_with_parent(parent)
    limits.limit_process()
    requests, answers = _take_pipes()
    registry = load_registry(engines)
    watcher = Watcher(
        chosen=lambda engine: _send(answers, frames.engine_message(engine)),
        counted=lambda *pages: _send(answers, frames.pages_message(*pages)),
    )
    # What was loaded lives as long as the process: collections need not look at it again.
    gc.freeze()
    _send(answers, frames.ready_message(peak_so_far(), resident_bytes()))
    while message := frames.read(requests):
        task = frames.task_of(message)
        _send(answers, {"started": True})
        limits.limit_task(task.limits)
        answer = run(task, registry, watcher)
        _send(answers, answer | frames.state_message(limits.is_spent(), resident_bytes()))
    # Native libraries may crash while the interpreter takes them down.
    os._exit(0)


def load_registry(name: str) -> Registry:
    """Return what the function ``module:function ARGUMENT …`` returns for its arguments."""
    place, *arguments = name.split(" ")
    module, _, function = place.partition(":")
    registry = getattr(import_module(module), function)(*arguments)
    if not isinstance(registry, Registry):
        raise TypeError(f"{name} returned no Registry")
    return registry


def run(task: EngineTask, registry: Registry, watcher: Watcher) -> dict[str, Any]:
    """Run ``task`` and return the answer: a report, or a failure with its class."""
    try:
        report = run_task(task, registry, watcher)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - panics of native engines are no Exception
        failure = failure_of(error, task)
        return {
            "failure": {
                "failure_class": failure.failure_class,
                "message": without_paths(failure.message),
                "phase": failure.phase,
            }
        }
    fields = {name: getattr(report, name) for name in report.__slots__}
    warnings = [warning.model_dump(mode="json") for warning in report.warnings]
    part = report.slice and asdict(report.slice)
    return {"report": fields | {"warnings": warnings, "slice": part}}


def failure_of(error: BaseException, task: EngineTask) -> ItemFailure:
    """Return the class that ``error``, raised by an engine, belongs to."""
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
    """Return ``text`` with absolute paths cut to their last part: they say nothing to a user."""
    return bounded(_PATH.sub(r"\1", text))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb", buffering=0)


def _send(answers: BinaryIO, message: dict[str, Any]) -> None:
    remaining = memoryview(frames.pack(message))
    while remaining:
        remaining = remaining[answers.write(remaining) :]


if __name__ == "__main__":
    main()
