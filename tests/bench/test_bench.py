"""The benchmarks run. `make bench` measures the figures."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.harness import Bench, Figure, Round, Row, run_all
from tests.house.code import ROOT

SMOKE = ("noop", "pdfs", "lit")
"""Figures that together use what the others are made of: server, worker, command, processes."""


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_quick_bench_measures_figures_and_writes_them(tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", ",".join(SMOKE), "--quick", "--json", str(report)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    figures = json.loads(report.read_text())["figures"]
    assert tuple(figures) == SMOKE
    for name, figure in figures.items():
        for row in figure["rows"]:
            assert f"| {name} | {row['what']} |" in done.stdout
            assert row["median"] >= 0


def test_unknown_figure_is_rejected_with_the_list_of_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "noop,nop"])
    with pytest.raises(SystemExit):
        main()
    assert "no figure is called nop; there are noop, pdfs" in capsys.readouterr().err


async def test_ratio_is_the_median_of_the_ratios_of_the_rounds(tmp_path: Path) -> None:
    async def measure(bench: Bench) -> AsyncIterator[Round]:
        for limit, found in ((10, 5), (100, 10), (4, 3)):
            yield {"limit": limit, "found": found * (bench.rounds / 3)}

    row = Row("speed", "found", "limit", "files/s", at_least=0.6)
    report = tmp_path / "bench.json"
    figure = Figure("drawn", (row,), measure)
    assert await run_all([figure], Bench(tmp_path / "work", 3, tmp_path), report)

    found = json.loads(report.read_text())["figures"]["drawn"]["rows"][0]
    assert (found["median"], found["rounds"]) == (0.5, [0.5, 0.1, 0.75])
    assert (found["at_least"], found["met"]) == (0.6, False)


async def test_failed_figure_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    async def broken(_bench: Bench) -> AsyncIterator[Round]:
        yield {"a": 1}
        raise RuntimeError("no such server")

    async def sound(_bench: Bench) -> AsyncIterator[Round]:
        yield {"a": 1}

    report = tmp_path / "bench.json"
    figures = [Figure("broken", (), broken), Figure("sound", (Row("a", "a"),), sound)]
    assert not await run_all(figures, Bench(tmp_path / "work", 1, tmp_path), report)

    found = json.loads(report.read_text())["figures"]
    assert found["broken"] == {"error": "RuntimeError: no such server"}
    assert found["sound"]["rows"][0]["median"] == 1
