"""Engines of other packages: installed, preferred, and excluded when broken."""

import json
from pathlib import Path

import pytest

from docmill.contracts.media_types import Media
from docmill.engines import third_party
from docmill.engines.base import Document, Limits, ParseResult
from docmill.engines.registry import PARSE, parse_suite_version
from docmill.isolation.survey import chosen_suite
from tests.fixtures.packages import EXAMPLE, Environment

pytestmark = pytest.mark.integration

CUES = "1\n00:00:01,000 --> 00:00:02,000\nHigh water at noon.\n"
ENGINE = """
class Engine:
    name = "loud"
    version = "{version}"
    media_types = frozenset({{"text/plain", "application/x-loud"}})
    honours = frozenset()
    def run(self, document, parameters, limits):
        from docmill.engines.base import ParsedPage, ParseResult
        text = document.path.read_text().upper()
        page = ParsedPage(page_number=1, text=text, markdown=text)
        return ParseResult(engine=self.name, engine_version=self.version, pages=[page],
            media_type=document.media_type, pages_total=1, pages_ok=1, pages_failed=0)
"""
PARSE_ONE = """
import asyncio, sys, tempfile
from pathlib import Path
from docmill.engines.base import EngineTask
from docmill.errors import ItemFailure
from docmill.isolation.pool import EnginePool
from docmill.isolation.survey import chosen_suite
from docmill.settings import load_settings

async def main():
    settings = load_settings()
    suite = await chosen_suite(settings.engines_allow, settings.engines_prefer)
    output = tempfile.mkdtemp()
    async with EnginePool(1, engines=suite.engines) as pool:
        task = EngineTask("parse", sys.argv[1], Path(sys.argv[1]).name, output)
        try:
            report = await pool.run(task)
        except ItemFailure as failure:
            print(failure.failure_class)
        else:
            print(report.engine, Path(output, "document.md").read_text(), sep="|")

asyncio.run(main())
"""
VERSION = """
import asyncio
from docmill.isolation.survey import chosen_suite
from docmill.settings import load_settings
settings = load_settings()
print(asyncio.run(chosen_suite(settings.engines_allow, settings.engines_prefer)).version)
"""


def parse(environment: Environment, path: Path, content: str, **variables: str) -> str:
    path.write_text(content)
    done = environment.run("-c", PARSE_ONE, path, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_example_parses_a_format_that_no_built_in_engine_reads(
    environment: Environment, tmp_path: Path
) -> None:
    assert parse(environment, tmp_path / "a.srt", CUES).startswith("text|1")

    environment.install_example(tmp_path / "wheels")

    assert parse(environment, tmp_path / "a.srt", CUES) == (
        "subtitles|- **00:00:01** High water at noon."
    )
    assert parse(environment, tmp_path / "a.srt", CUES, DOCMILL_ENGINES_ALLOW="").startswith("text")


def test_example_passes_the_engine_contract_tests(environment: Environment, tmp_path: Path) -> None:
    environment.install_example(tmp_path / "wheels")

    tests = EXAMPLE / "test_subtitles.py"
    done = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", tests)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_example_has_fewer_than_fifty_lines() -> None:
    assert len((EXAMPLE / "docmill_subtitles.py").read_text().splitlines()) < 50


def test_built_in_engine_is_used_unless_another_is_preferred(
    environment: Environment, tmp_path: Path
) -> None:
    environment.install("loud", ENGINE.format(version="1"))
    file = tmp_path / "a.txt"

    assert parse(environment, file, "words") == "text|words"
    assert parse(environment, file, "words", DOCMILL_ENGINES_PREFER="loud") == "loud|WORDS"


def test_suite_version_changes_with_each_engine_its_version_and_the_order(
    environment: Environment, tmp_path: Path
) -> None:
    alone = environment.run("-c", VERSION).stdout
    environment.install("loud", ENGINE.format(version="1"))
    with_it = environment.run("-c", VERSION).stdout
    preferred = environment.run("-c", VERSION, DOCMILL_ENGINES_PREFER="loud").stdout
    refused = environment.run("-c", VERSION, DOCMILL_ENGINES_ALLOW="").stdout
    (environment.packages / "loud_package.py").write_text(ENGINE.format(version="20"))
    newer = environment.run("-c", VERSION).stdout

    assert alone.strip() == parse_suite_version()
    assert refused == alone
    assert len({alone, with_it, preferred, newer}) == 4


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import os; os._exit(3)", "exit code 3"),
        ("import os; os.kill(os.getpid(), 11)", "exit code -11"),
        ("Engine = object", "object: name must be"),
        (ENGINE.format(version="1").replace("loud", "other"), "its name is other"),
    ],
)
def test_doctor_reports_a_broken_engine_and_other_engines_work(
    environment: Environment, tmp_path: Path, code: str, reason: str
) -> None:
    environment.install("loud", code)
    environment.install_example(tmp_path / "wheels")

    done = environment.run("starter.py", "doctor", "--json", DOCMILL_HOME=str(tmp_path / "home"))
    report = json.loads(done.stdout)

    checks = {check["name"]: check for check in report["checks"]}
    assert not report["ok"]
    assert checks["Engine subtitles"]["ok"]
    assert not checks["Engine loud"]["ok"]
    assert reason in checks["Engine loud"]["detail"]
    assert "DOCMILL_ENGINES_ALLOW" in checks["Engine loud"]["mend"]
    assert parse(environment, tmp_path / "a.srt", CUES).startswith("subtitles|")


async def test_engine_is_broken_when_it_is_named_but_not_installed() -> None:
    suite = await chosen_suite((), ("nowhere",))

    assert suite.broken == {"nowhere": "No installed package registers this engine."}
    assert suite.version == parse_suite_version()


class Loud:
    """An engine as a package might bring it."""

    name = "loud"
    version = "1"
    media_types = frozenset({Media.TEXT.value, "application/x-loud"})
    honours: frozenset[str] = frozenset()

    def run(self, document: Document, parameters: dict[str, object], limits: Limits) -> ParseResult:
        raise NotImplementedError


def test_preferred_engines_come_first_and_the_others_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(third_party, "load", lambda name: Loud())

    for preferred, reads_text in (("", "text"), ("loud", "loud")):
        registry = third_party.registry("loud", preferred)
        assert registry.engine_for(PARSE, Media.TEXT).name == reads_text
        assert registry.engine_for(PARSE, "application/x-loud").name == "loud"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("name", "Two Words"),
        ("version", ""),
        ("version", 1),
        ("media_types", frozenset()),
        ("media_types", ["text/plain"]),
        ("honours", None),
        ("extensions", {"loud": "application/x-loud"}),
        ("extensions", {".loud": "application/x-other"}),
        ("run", None),
    ],
)
def test_protocol_violation_of_an_engine_is_reported(attribute: str, value: object) -> None:
    engine = Loud()
    third_party.check(engine)
    setattr(engine, attribute, value)

    with pytest.raises(third_party.InvalidEngineError, match=attribute):
        third_party.check(engine)


def test_worker_with_a_broken_engine_reports_it_and_works(
    environment: Environment, tmp_path: Path
) -> None:
    environment.install("loud", "raise RuntimeError('no licence')")
    environment.install_example(tmp_path / "wheels")
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "a.srt").write_text(CUES)
    home, out = tmp_path / "home", tmp_path / "out"

    done = environment.run("starter.py", "run", papers, "--out", out, DOCMILL_HOME=str(home))

    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "a.srt.md").read_text() == "- **00:00:01** High water at noon."
    log = (home / "logs" / "worker.log").read_text()
    assert "engine.left_out" in log
    assert "no licence" in log
