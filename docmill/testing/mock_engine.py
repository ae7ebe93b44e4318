"""The mock engine, which misbehaves on command, for tests of the code around engines.

It runs only if a test names it: ``EnginePool(engines="docmill.testing.mock_engine:registry")``.
The command is the ``mock`` object of the parameters or, without it, the first line of the file,
both as JSON: ``{"do": "sleep", "seconds": 2}``. A file without a command is parsed as plain text.

=================  =============================================================================
``do``             what happens
=================  =============================================================================
``parse``          succeeds, with ``pages`` pages (default 1)
``sleep``          sleeps for ``seconds``, then succeeds
``wait``           waits until the path ``file`` exists, then succeeds
``fail``           raises an `ItemFailure` of ``failure_class``
``flake``          as ``fail`` for the first ``times`` runs, counted in the file ``counter``
``raise``          raises a `RuntimeError` with ``message``
``panic``          raises an exception that is not an `Exception`
``segfault``       reads address 0
``exit``           ends the process with ``code``
``allocate``       allocates memory without end
``grow``           keeps ``mib`` MiB of memory for as long as the process lives, then succeeds
``open``           leaves ``files`` files open
``abort``          ends as native code does when an allocation fails
``fork``           leaves a child behind, its pid in the file ``pid``; with ``escape`` in a new
                   session; then succeeds, or sleeps for ``seconds`` first
``fork_bomb``      starts ``processes`` (default 200: a real fork bomb would disturb the machine
                   that runs the tests), each in a new session, and continues for ever
``write``          writes one file without end
``chatter``        prints without end to standard output and error, for ``seconds``
``lie``            claims ``claimed`` pages and returns ``pages``
``garbage``        returns an invalid result
``book``           a document of ``pages`` pages that all need OCR, read in slices
``garble``         writes noise into every open descriptor
=================  =============================================================================

With ``record`` (a path) each run first appends a line to that file, so that tests can count runs;
with ``pids`` (a path) a line with the id of its process; with ``traces`` (a path) a line with the
``traceparent`` of its task.
For ``book`` each line names the pages of a slice. ``book`` also takes ``hold`` (``page``,
``file``), with which the slice of that page waits until the file exists, and ``crash`` (``page``,
``times``, ``counter``), with which the first runs of the slice of that page end their process.
"""

import ctypes
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from docmill.contracts.media_types import Media
from docmill.engines.base import Document, Limits, ParsedPage, ParseResult, Slice
from docmill.engines.registry import PARSE, Registry
from docmill.engines.selection import as_target_pages
from docmill.engines.slices import TEXT_PAGES, ReadPage, SlicePart
from docmill.errors import FailureClass, ItemFailure

MODULE = "docmill.testing.mock_engine:registry"
"""Value of the argument ``engines`` of `EnginePool` for this engine."""

Command = dict[str, Any]
_FOREVER = 3600.0
_KEPT: list[bytes] = []


class MockPanicError(BaseException):
    """A panic of a native engine, which is not an `Exception`."""


class MockEngine:
    """Executes commands, see the module."""

    name = "mock"
    version = "1"
    media_types: frozenset[str] = frozenset(Media)
    honours = frozenset({"mock"})

    def run(self, document: Document, parameters: dict[str, Any], limits: Limits) -> ParseResult:
        """Run the command; the engine succeeds unless the command makes it fail."""
        command, text = _command_of(document, parameters)
        if record := command.get("record"):
            append_line(Path(record), document.name)
        if pids := command.get("pids"):
            append_line(Path(pids), str(os.getpid()))
        if traces := command.get("traces"):
            append_line(Path(traces), os.environ["TRACEPARENT"])
        action = _ACTIONS.get(command.get("do", "parse"))
        answer = action(command) if action else None
        return answer or _result(document, text, command)

    def begin(
        self, document: Document, parameters: dict[str, Any], limits: Limits
    ) -> ParseResult | SlicePart:
        """Run the command, or read the first slice of a large document."""
        command, _ = _command_of(document, parameters)
        if command.get("do") != "book":
            return self.run(document, parameters, limits)
        first = _first_book_part(command)
        if limits.slice_from_ocr_pages:
            return first
        rest = _read_book_part(command, Slice(tuple(first.recognise), recognise=True))
        return _whole_book(document, [first, rest], (self.name, self.version))

    def read_slice(
        self, document: Document, parameters: dict[str, Any], limits: Limits, wanted: Slice
    ) -> SlicePart:
        """Read a slice of a large document."""
        return _read_book_part(_command_of(document, parameters)[0], wanted)

    def join(
        self,
        document: Document,
        parameters: dict[str, Any],
        limits: Limits,
        parts: Iterable[SlicePart],
    ) -> ParseResult:
        """Return the result of a large document."""
        return _whole_book(document, parts, (self.name, self.version))


def registry() -> Registry:
    """Return a registry in which the mock engine parses every kind of file."""
    found = Registry()
    found.add(PARSE, MockEngine())
    return found


def _command_of(document: Document, parameters: dict[str, Any]) -> tuple[Command, str]:
    text = document.path.read_bytes().decode("utf-8", "replace")
    return parameters.get("mock") or _command_in(text), text


def _command_in(text: str) -> Command:
    try:
        found = json.loads(text.partition("\n")[0])
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "do" in found else {}


def _result(document: Document, text: str, command: Command) -> ParseResult:
    pages = int(command.get("pages", 1))
    claimed = int(command.get("claimed", pages))
    return ParseResult(
        engine=MockEngine.name,
        engine_version=MockEngine.version,
        media_type=document.media_type,
        pages_total=claimed,
        pages_ok=claimed,
        pages_failed=0,
        document_pages=claimed,
        pages=[ParsedPage(page_number=n + 1, markdown=text, text=text) for n in range(pages)],
    )


def _sleep(command: Command) -> None:
    time.sleep(float(command.get("seconds", _FOREVER)))


def _wait(command: Command) -> None:
    while not Path(command["file"]).exists():
        time.sleep(0.02)


def _fail(command: Command) -> NoReturn:
    failure_class = FailureClass(command.get("failure_class", FailureClass.CRASHED))
    raise ItemFailure(failure_class, str(command.get("message", "")))


def _flake(command: Command) -> None:
    if append_line(Path(command["counter"]), "run") <= int(command.get("times", 1)):
        _fail(command)


def _raise(command: Command) -> NoReturn:
    raise RuntimeError(command.get("message", "the mock engine was told to raise"))


def _panic(command: Command) -> NoReturn:
    raise MockPanicError(command.get("message", "the mock engine was told to panic"))


def _segfault(_: Command) -> None:
    ctypes.string_at(0)


def _exit(command: Command) -> None:
    os._exit(int(command.get("code", 3)))


def _allocate(_: Command) -> None:
    kept = []
    while True:
        kept.append(bytearray(16 * 1024 * 1024))


def _grow(command: Command) -> None:
    # The memory is written to, so that it is resident.
    _KEPT.append(b"\x01" * (int(command["mib"]) * 1024 * 1024))


def _open(command: Command) -> None:
    for _ in range(int(command["files"])):
        os.open(os.devnull, os.O_RDONLY)


def _abort(_: Command) -> None:
    os.write(2, b"memory allocation of 4294967296 bytes failed\n")
    os.abort()


def _fork(command: Command) -> None:
    if os.fork() == 0:
        if command.get("escape"):
            os.setsid()
            if os.fork():
                os._exit(0)
        if path := command.get("pid"):
            Path(f"{path}.new").write_text(str(os.getpid()), encoding="ascii")
            Path(f"{path}.new").rename(path)
        time.sleep(_FOREVER)
    while (path := command.get("pid")) and not Path(path).exists():
        time.sleep(0.005)
    if "seconds" in command:
        _sleep(command)


def _fork_bomb(command: Command) -> None:
    for _ in range(int(command.get("processes", 200))):
        if os.fork() == 0:
            os.setsid()
            break
    time.sleep(_FOREVER)


def _write(_: Command) -> None:
    block = b"x" * (1024 * 1024)
    with Path(os.environ["TMPDIR"], "endless").open("wb") as file:
        while True:
            file.write(block)


def _chatter(command: Command) -> None:
    end = time.monotonic() + float(command.get("seconds", _FOREVER))
    while time.monotonic() < end:
        sys.stdout.write('{"report": "not this one"}\n' * 100)
        sys.stderr.write("noise\n" * 100)


def _garbage(_: Command) -> Any:
    return {"pages": "many"}


def _garble(_: Command) -> None:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"\xff" * 64)
        except OSError:
            continue


_ACTIONS: dict[str, Callable[[Command], Any]] = {
    "sleep": _sleep,
    "wait": _wait,
    "fail": _fail,
    "flake": _flake,
    "raise": _raise,
    "panic": _panic,
    "segfault": _segfault,
    "exit": _exit,
    "allocate": _allocate,
    "grow": _grow,
    "open": _open,
    "abort": _abort,
    "fork": _fork,
    "fork_bomb": _fork_bomb,
    "write": _write,
    "chatter": _chatter,
    "garbage": _garbage,
    "garble": _garble,
}
"""``parse`` and ``lie`` are missing, because `_result` alone implements them."""


def append_line(path: Path, line: str) -> int:
    """Append ``line`` and return how many lines there are now; safe between processes."""
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{line}\n")
        file.flush()
        file.seek(0)
        return sum(1 for _ in file)


def _first_book_part(command: Command) -> SlicePart:
    """Return the first text layers of a book."""
    asked = list(range(1, int(command["pages"]) + 1))
    return _book_part(command, asked, Slice(tuple(asked[:TEXT_PAGES]), recognise=False))


def _read_book_part(command: Command, wanted: Slice) -> SlicePart:
    """Return a slice of a book."""
    hold, crash = command.get("hold"), command.get("crash")
    part = _book_part(command, list(range(1, int(command["pages"]) + 1)), wanted)
    if hold and hold["page"] in wanted.pages:
        while not Path(hold["file"]).exists():
            time.sleep(0.02)
    if crash and crash["page"] in wanted.pages:
        crashes = append_line(Path(crash["counter"]), "run") <= int(crash["times"])
        while crashes:
            ctypes.string_at(0)
    return part


def _whole_book(
    document: Document, parts: Iterable[SlicePart], engine: tuple[str, str]
) -> ParseResult:
    """Return the result of a book: its recognised pages."""
    pages = {
        read.page.page_number: read.page for part in parts for read in part.pages if part.recognised
    }
    return ParseResult(
        engine=engine[0],
        engine_version=engine[1],
        media_type=document.media_type,
        pages_total=len(pages),
        pages_ok=len(pages),
        pages_failed=0,
        document_pages=len(pages),
        pages=[pages[number] for number in sorted(pages)],
    )


def _book_part(command: Command, asked: list[int], wanted: Slice) -> SlicePart:
    kind = "recognised" if wanted.recognise else "read"
    if record := command.get("record"):
        append_line(Path(record), f"{kind} {as_target_pages(list(wanted.pages))}")
    texts = {number: f"Page {number} was {kind}." for number in wanted.pages}
    return SlicePart(
        document_pages=len(asked),
        asked=asked,
        pages=[
            ReadPage(page=ParsedPage(page_number=number, markdown=text, text=text))
            for number, text in texts.items()
        ],
        recognise=[] if wanted.recognise else list(wanted.pages),
        recognised=wanted.recognise,
    )
