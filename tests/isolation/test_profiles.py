"""Engines that start programs: what they are allowed and denied."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from docmill.contracts.media_types import Media
from docmill.engines.base import Profile
from docmill.engines.registry import PARSE, Registry
from docmill.errors import FailureClass, ItemFailure
from docmill.isolation.pool import EnginePool
from docmill.isolation.sandbox.confinement import Level, Mode, available
from docmill.testing.hostile_engine import HostileEngine
from tests.fixtures.engines import Bench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        available(Mode.PREFER).level is not Level.CONFINED,
        reason=f"this machine has no Landlock and filter: {available(Mode.PREFER)}",
    ),
]


class StrictEngine(HostileEngine):
    """Reads plain text."""

    name = "strict"
    media_types = frozenset({Media.TEXT})


class ProgramsEngine(HostileEngine):
    """Reads Markdown, and says that it starts programs."""

    name = "programs"
    media_types = frozenset({Media.MARKDOWN})
    sandbox = "programs"


def both() -> Registry:
    """One engine of each profile."""
    found = Registry()
    for engine in (StrictEngine(), ProgramsEngine()):
        found.add(PARSE, engine)
    return found


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with EnginePool(2, engines=f"{__name__}:both") as pool:
        yield Bench(pool, tmp_path)


async def _attempt(bench: Bench, name: str, **command: Any) -> dict[str, Any]:
    run = await bench.parse_bytes(name, json.dumps(command) + "\n\n# A heading\n")
    outcome: dict[str, Any] = json.loads(run.result.pages[0].text)
    return outcome | {"engine": run.report.engine}


async def test_engine_with_the_programs_profile_starts_programs(bench: Bench) -> None:
    outcome = await _attempt(bench, "a.md", attempt="program")

    assert outcome["engine"] == "programs"
    assert not outcome["denied"], outcome
    assert "started" in outcome["how"]


@pytest.mark.parametrize("name", ["tcp", "secret_file", "ptrace", "io_uring", "more_memory"])
async def test_engine_with_the_programs_profile_is_denied_everything_else(
    bench: Bench, tmp_path: Path, name: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    targets = {"tcp_port": 1, "secret": str(tmp_path / "secret"), "neighbour": 1}

    outcome = await _attempt(bench, "a.md", attempt=name, **targets)

    assert outcome["engine"] == "programs"
    assert outcome["denied"], outcome


async def test_engines_of_two_profiles_share_no_process(bench: Bench) -> None:
    await _attempt(bench, "a.md", attempt="program")
    before = bench.pool.pids

    outcome = await _attempt(bench, "a.txt", attempt="program")

    assert outcome["engine"] == "strict"
    assert outcome["denied"], outcome
    assert len(before) == 2  # the strict one that saw the Markdown first, and the other
    assert bench.pool.pids == before


async def test_request_for_an_unknown_profile_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strict process that was taken over cannot choose where its document goes next."""
    from docmill.isolation import frames

    monkeypatch.setattr(frames, "profile_in", lambda _: Profile.PROGRAMS)
    async with EnginePool(1, engines="docmill.testing.hostile_engine:registry") as pool:
        with pytest.raises(ItemFailure, match="profile") as failed:
            await _attempt(Bench(pool, tmp_path), "a.txt", attempt="program")

    assert failed.value.failure_class is FailureClass.ENGINE_ERROR
