"""An engine that behaves like one that a hostile document took over.

It runs only where a test names it: ``EnginePool(engines=hostile_engine.MODULE)``. The first line of
the document says what it tries, as JSON:

- ``{"attempt": "tcp", …}`` makes one of `ATTEMPTS`; the text of the only page says in JSON whether
  it was ``denied``, and ``how``: by an error of the system, such as ``EPERM``, or what it got;
- ``{"trick": "fifo"}`` plays one of `docmill.testing.hostile_outputs.TRICKS` on the worker.

A package with an engine of its own can so test under which confinement its worker runs.
"""

import errno
import json
from pathlib import Path
from typing import Any

from docmill.contracts.media_types import Media
from docmill.engines import execute
from docmill.engines.base import (
    Document,
    EngineReport,
    EngineTask,
    Limits,
    ParsedPage,
    ParseResult,
)
from docmill.engines.registry import PARSE, Registry
from docmill.testing import hostile_files, hostile_kernel, hostile_processes
from docmill.testing.hostile_outputs import TRICKS

MODULE = "docmill.testing.hostile_engine:registry"
"""Value of the argument ``engines`` of `EnginePool` for this engine."""

ATTEMPTS = hostile_processes.ATTEMPTS | hostile_files.ATTEMPTS | hostile_kernel.ATTEMPTS
"""Every attempt by its name; the modules say what each needs in the command."""


class HostileEngine:
    """Tries what it is told to; see the module."""

    name = "hostile"
    version = "1"
    media_types: frozenset[str] = frozenset(Media)
    honours: frozenset[str] = frozenset()

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Try it; what was got is the text of the only page."""
        command = json.loads(document.path.read_bytes().partition(b"\n")[0])
        text = "done"
        if trick := command.get("trick"):
            _after_writing(trick, command)
        elif name := command.get("attempt"):
            text = json.dumps(_tried(name, command | {"document": str(document.path)}))
        return ParseResult(
            engine=self.name,
            engine_version=self.version,
            media_type=document.media_type,
            pages_total=1,
            pages_ok=1,
            pages_failed=0,
            document_pages=1,
            pages=[ParsedPage(page_number=1, markdown=text, text=text)],
        )


def registry() -> Registry:
    """Return a registry in which the hostile engine parses every kind of file."""
    found = Registry()
    found.add(PARSE, HostileEngine())
    return found


def _tried(name: str, command: dict[str, Any]) -> dict[str, Any]:
    try:
        got = ATTEMPTS[name](command)
    except OSError as error:
        how = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return {"denied": True, "how": how}
    return {"denied": False, "how": repr(got)[:200]}


def _after_writing(trick: str, command: dict[str, Any]) -> None:
    """Play a trick once the next result is written: a taken-over process changes what it likes."""
    honest = vars(execute)["write_parsed"]

    def write(result: ParseResult, task: EngineTask) -> EngineReport:
        vars(execute)["write_parsed"] = honest
        report: EngineReport = honest(result, task)
        return TRICKS[trick](Path(task.output_dir), command, report) or report

    vars(execute)["write_parsed"] = write
