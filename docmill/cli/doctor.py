"""The command doctor: what Docmill needs, checked one by one, with how to fix it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from docmill.cli.console import Console
from docmill.cli.execute import execute, settings_of
from docmill.cli.exits import Exit
from docmill.cli.options import HomeOption, JsonOption
from docmill.embedded.addresses import PREFERRED_UI_PORT, is_free, names_server
from docmill.embedded.connect import connect_named
from docmill.embedded.home import MIN_FREE_BYTES, Home
from docmill.embedded.processes import HomeProcess
from docmill.embedded.server import binary
from docmill.engines.base import Profile
from docmill.errors import DocmillError, UsageError
from docmill.isolation.sandbox.confinement import Level, available
from docmill.isolation.survey import REPAIR_HINT, chosen_suite
from docmill.objects.open import open_store
from docmill.records.database import Database
from docmill.records.scope import EVERY_PROJECT
from docmill.settings import MIB, Settings
from docmill.temporal.deployments import Deployments
from docmill.temporal.payloads import data_converter, payload_cipher

OLDEST_PYTHON = (3, 11)
API_PORT = 8000
SECONDS = 10.0


def doctor(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Check this machine.

    Checks everything that Docmill needs, and says how to fix what is wrong.
    """
    execute(check_machine(as_json=as_json, home=home))


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        detail: the state that was found.
        mend: how to fix it; with ``ok``, a remark. (The name is part of the output of ``--json``.)
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""


async def check_machine(*, as_json: bool, home: Path | None) -> int:
    """Check everything and print what was found."""
    console = Console(as_json=as_json)
    settings = settings_of(home)
    found = [finding async for finding in findings(settings)]
    well = all(finding.ok for finding in found)
    console.print_json({"ok": well, "checks": [asdict(finding) for finding in found]})
    if not as_json:
        for finding in found:
            _print(console, finding)
        console.print("Everything is fine." if well else "Something is wrong; see above.")
    return Exit.OK if well else Exit.SOME_FAILED


def _print(console: Console, finding: Finding) -> None:
    style = "green" if finding.ok else "bold red"
    console.print(
        f"{'ok   ' if finding.ok else 'WRONG'} {finding.name}: {finding.detail}", style=style
    )
    if finding.mend:
        console.print(f"      {finding.mend}")


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Yield the result of every check."""
    yield _python()
    if not names_server(None):
        yield _server()
    yield _ocr()
    yield _sandbox(settings)
    async for engine in _engines(settings):
        yield engine
    home = _home(settings)
    yield home
    if home.ok:
        yield _disk(settings)
        yield await _database(settings)
        yield await _store(settings)
        yield _ports(settings)
    yield _payloads(settings)
    if names_server(None):
        yield await _named_server(settings)
    if settings.worker_deployment:
        yield await _worker_deployment(settings)


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    mend = "" if sys.version_info >= OLDEST_PYTHON else "Install Python 3.11 or newer."
    return Finding("Python", not mend, f"{found} in {sys.prefix}", mend)


def _server() -> Finding:
    mend = "Run make setup again; or name a server in TEMPORAL_ADDRESS."
    try:
        answer = subprocess.run(  # noqa: S603 - our own dependency's program
            [str(binary()), "--version"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("Temporal server", False, f"{binary()}: {error}", mend)
    return Finding("Temporal server", True, answer.stdout.strip())


def _ocr() -> Finding:
    data = Path(sys.prefix) / "share" / "tessdata" / "eng.traineddata"
    if data.is_file():
        return Finding("OCR data", True, str(data))
    return Finding(
        "OCR data", False, f"{data} is missing", "Run make setup again; without it OCR is off."
    )


def _sandbox(settings: Settings) -> Finding:
    """A level below the highest is reported, and is a fault only if the highest is required."""
    try:
        found = available(settings.sandbox, bubblewrap=settings.sandbox_bubblewrap)
    except UsageError as error:
        return Finding("Sandbox", False, error.message, error.hint)
    remark = "" if found.level is Level.CONFINED else "See docs/explanation/sandbox.md."
    return Finding("Sandbox", True, str(found), remark)


async def _engines(settings: Settings) -> AsyncIterator[Finding]:
    """Third-party engines: each is loaded once, in a separate process."""
    suite = await chosen_suite(settings.engines_allow, settings.engines_prefer)
    for engine in suite.sound:
        detail = f"version {engine.version} reads {', '.join(engine.media_types)}"
        if engine.sandbox != Profile.STRICT:
            detail += f"; sandbox profile {engine.sandbox}, a lower one"
        yield Finding(f"Engine {engine.name}", True, detail)
    for name, trouble in suite.broken.items():
        yield Finding(f"Engine {name}", False, trouble, REPAIR_HINT)


def _home(settings: Settings) -> Finding:
    try:
        Home(settings.home).create()
    except DocmillError as error:
        return Finding("Home", False, error.message, error.hint)
    return Finding("Home", True, str(settings.home))


def _disk(settings: Settings) -> Finding:
    free = Home(settings.home).free_bytes()
    mend = "" if free >= MIN_FREE_BYTES else "Free space, or move DOCMILL_HOME to another disk."
    return Finding("Disk", not mend, f"{free // MIB:,} MB free", mend)


async def _database(settings: Settings) -> Finding:
    database = Database.of(settings, EVERY_PROJECT)
    try:
        await database.migrate()
        await database.ping()
        database.check_secret_key()
    except DocmillError as error:
        return Finding("Database", False, error.message, error.hint)
    finally:
        await database.close()
    kind = "SQLite in the home" if not settings.database_url.get_secret_value() else "configured"
    return Finding("Database", True, f"{kind}, reachable and migrated")


async def _store(settings: Settings) -> Finding:
    try:
        await open_store(settings.store).ping()
    except DocmillError as error:
        return Finding("Object store", False, error.message, error.hint)
    return Finding("Object store", True, "writable")


def _ports(settings: Settings) -> Finding:
    """Report ports that are in use: other ones are chosen, so this is no fault."""
    if HomeProcess(Home(settings.home), "temporal").alive():
        return Finding("Ports", True, "this home's server is running")
    taken = [port for port in (PREFERRED_UI_PORT, API_PORT) if not is_free(port)]
    if not taken:
        return Finding("Ports", True, f"{PREFERRED_UI_PORT} and {API_PORT} are free")
    detail = f"{' and '.join(map(str, taken))} in use by another program"
    return Finding("Ports", True, detail, "The Web UI takes another one; give up a --port.")


def _payloads(settings: Settings) -> Finding:
    try:
        cipher = payload_cipher(settings)
    except DocmillError as error:
        return Finding("Temporal payloads", False, error.message, error.hint)
    if cipher is None:
        return Finding("Temporal payloads", True, "not encrypted")
    first, *others = cipher.key_ids
    also = f"; also readable: {', '.join(others)}" if others else ""
    return Finding("Temporal payloads", True, f"encrypted with the key {first}{also}")


async def _named_server(settings: Settings) -> Finding:
    address = os.environ.get("TEMPORAL_ADDRESS", "of the profile")
    try:
        await connect_named(data_converter(settings))
    except DocmillError as error:
        return Finding("Temporal address", False, error.message, error.hint)
    return Finding("Temporal address", True, f"a server answers at {address}")


async def _worker_deployment(settings: Settings) -> Finding:
    """Report the current version, or the first thing that keeps batches from running."""
    title = "Worker versions"
    if not names_server(None):
        mend = "Unset DOCMILL_WORKER_DEPLOYMENT, or name a Temporal server in TEMPORAL_ADDRESS."
        return Finding(title, False, "The embedded server has none.", mend)
    try:
        client = await connect_named(data_converter(settings))
        found = await Deployments(client, settings.worker_deployment).describe()
    except DocmillError as error:
        return Finding(title, False, error.message, error.hint)
    for problem in found.problems():
        return Finding(title, False, problem.message, problem.hint)
    return Finding(title, True, f"{found.current or 'none'} is the current one of {found.name}")
