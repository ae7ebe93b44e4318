"""An engine that behaves as if a hostile document had taken it over.

It runs only if a test names it: ``EnginePool(engines=hostile_engine.MODULE)``. The first line of
the document is a command in JSON:

- ``{"attempt": "tcp", …}`` executes one of `ATTEMPTS`; the text of the only page is JSON that says
  whether it was ``denied``, and ``how``: an error of the system, such as ``EPERM``, or the result;
- ``{"trick": "fifo"}`` executes one of `docmill.testing.hostile_outputs.TRICKS` on the output.

A package with its own engine can use it to test the confinement of its worker.
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
"""All attempts by name; their modules show which fields of the command each reads."""


class HostileEngine:
    """Executes commands, see the module."""

    name = "hostile"
    version = "1"
    media_types: frozenset[str] = frozenset(Media)
    honours: frozenset[str] = frozenset()

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Execute the command; its result is the text of the only page."""
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
    """Execute a trick once the next result is written, as a compromised process could."""
    honest = vars(execute)["write_parsed"]

    def write(result: ParseResult, task: EngineTask) -> EngineReport:
        vars(execute)["write_parsed"] = honest
        report: EngineReport = honest(result, task)
        return TRICKS[trick](Path(task.output_dir), command, report) or report

    vars(execute)["write_parsed"] = write
