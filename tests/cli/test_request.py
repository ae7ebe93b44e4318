"""The identity of a run, and the texts of the progress display."""

from dataclasses import replace
from pathlib import Path

import pytest

from docmill.cli.progress import duration
from docmill.cli.run.job_parameters import JobFlags
from docmill.cli.run.request import Pace, RunRequest, plan_of
from docmill.errors import UsageError
from docmill.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a home of their own."""
    return Settings(home=tmp_path / "home")


def test_concurrency_and_path_spelling_do_not_change_the_run_identity(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder.parent / "link").symlink_to(folder)
    out = folder.parent / "out"
    plain = plan_of(RunRequest(source=folder, out=out), settings).identity
    same = (
        RunRequest(source=Path("papers"), out=Path("out")),
        RunRequest(source=Path("link"), out=out),
        RunRequest(source=folder, out=out, pace=Pace(page_size=7, concurrency=3)),
        RunRequest(source=folder, out=out, flags=JobFlags(tier="cost_effective")),
    )

    assert {plan_of(request, settings).identity for request in same} == {plain}


def test_folder_output_parameters_and_filters_change_the_run_identity(
    settings: Settings, folder: Path
) -> None:
    base = RunRequest(source=folder, out=folder.parent / "out")
    others = (
        replace(base, source=folder / "letters"),
        replace(base, out=folder.parent / "elsewhere"),
        replace(base, flags=JobFlags(tier="fast")),
        replace(base, include=("*.md",)),
        replace(base, recursive=False),
    )

    identities = {plan_of(request, settings).identity for request in (base, *others)}

    assert len(identities) == 1 + len(others)


def test_output_folder_defaults_to_the_current_folder(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)

    plan = plan_of(RunRequest(source=Path("papers")), settings)

    assert plan.out.location == str(folder.parent / "docmill-out" / "papers")


def test_file_as_output_folder_is_rejected(settings: Settings, folder: Path) -> None:
    with pytest.raises(UsageError, match="is a file"):
        plan_of(RunRequest(source=folder, out=folder / "a.md"), settings)


def test_duration_is_formatted_for_display() -> None:
    assert [duration(s) for s in (4.4, 75, 3725)] == ["4 s", "1 min 15 s", "1 h 2 min"]
