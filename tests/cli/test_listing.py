"""Which entries of a folder a run reads or leaves out, and where its results are written."""

import json
from pathlib import Path

from arro3.io import read_parquet

from tests.cli.starting import Cli


def _rows(out: Path) -> list[str]:
    lines = (out / "manifest.jsonl").read_text().splitlines()
    return [json.loads(line)["path"] for line in lines]


def test_entries_left_out_are_reported_everywhere(cli: Cli, folder: Path) -> None:
    (folder / "link.md").symlink_to("a.md")
    (folder / ".hidden.md").write_text("hidden")
    (folder / "~$a.docx").write_bytes(b"\x05Berta".ljust(162, b"\0"))
    out = cli.cwd / "out"

    done = cli("run", folder, "--out", out)
    again = cli.json("run", folder, "--out", out)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Left out of the listing: 3" in done.stdout
    assert "1 hidden files and folders: .hidden.md" in done.stdout
    assert again["left_out"] == {
        "symlink": {"count": 1, "names": ["link.md"]},
        "hidden": {"count": 1, "names": [".hidden.md"]},
        "litter": {"count": 1, "names": ["~$a.docx"]},
    }
    report = (out / "report.html").read_text()
    assert "Left out of the listing" in report
    assert "~$a.docx" in report
    footer = read_parquet(out / "manifest.parquet").schema.metadata
    assert json.loads(footer[b"docmill.left_out"]) == again["left_out"]
    assert _rows(out) == ["a.md", "b.csv", "letters/c.txt"]


def test_run_over_a_folder_of_links_reports_what_was_left_out(cli: Cli, folder: Path) -> None:
    links = folder / "links"
    links.mkdir()
    (links / "one.md").symlink_to(folder / "a.md")
    done = cli("run", links, "--out", cli.cwd / "out")

    assert done.returncode == 0
    assert "Left out of the listing: 1" in done.stdout
    assert "--follow-links" in done.stdout


def test_followed_links_are_listed_under_their_own_name(cli: Cli, folder: Path) -> None:
    (folder / "link.md").symlink_to("a.md")
    (folder / "again").symlink_to("letters")
    out = cli.cwd / "out"

    done = cli("run", folder, "--out", out, "--follow-links")

    assert done.returncode == 0, done.stdout + done.stderr
    assert _rows(out) == ["a.md", "again/c.txt", "b.csv", "letters/c.txt", "link.md"]
    assert (out / "link.md.md").read_text() == (out / "a.md.md").read_text()


def _same_name(cli: Cli, parent: str) -> Path:
    folder = cli.cwd / parent / "docs"
    folder.mkdir(parents=True)
    (folder / "same.txt").write_text(f"Text of {parent} in {cli.cwd.name}.\n")
    return folder


def test_folders_with_the_same_name_get_separate_outputs(cli: Cli) -> None:
    one, two = _same_name(cli, "A"), _same_name(cli, "B")
    first, second, again = (cli.json("run", folder) for folder in (one, two, two))

    assert first["out"] == str(cli.cwd / "docmill-out" / "docs")
    assert second["out"] == again["out"] != first["out"]
    assert Path(second["out"]).parent == cli.cwd / "docmill-out"
    assert (again["skipped"], again["exit_code"]) == (1, 0)
    for parent, ended in (("A", first), ("B", second)):
        assert f"Text of {parent}" in (Path(ended["out"]) / "same.txt.md").read_text()
        assert cli("verify", ended["out"]).returncode == 0


def test_unowned_results_are_not_overwritten(cli: Cli) -> None:
    folder = _same_name(cli, "A")
    first = Path(cli.json("run", folder)["out"])
    (first / ".docmill-run.json").unlink()
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}

    second = Path(cli.json("run", folder)["out"])

    assert second != first
    after = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert after == before


def test_another_job_over_a_folder_gets_a_separate_output_unless_one_is_named(cli: Cli) -> None:
    folder = _same_name(cli, "A")
    rules = cli.cwd / "rules.yaml"
    rules.write_text("- {type: letter, description: A letter that somebody wrote to somebody}\n")
    classify = ("--job", "classify", "--rules", rules)

    parsed = cli.json("run", folder)
    classified = cli.json("run", folder, *classify)
    told = cli.json("run", folder, *classify, "--out", parsed["out"])

    assert classified["out"] != parsed["out"]
    assert told["out"] == parsed["out"]
    assert told["exit_code"] == 0


def test_earlier_output_inside_the_folder_is_left_out(cli: Cli, folder: Path) -> None:
    cli.json("run", folder, "--out", folder / "results")
    second = cli.json("run", folder, "--out", cli.cwd / "elsewhere")

    assert second["total"] == 3
    assert second["left_out"] == {"output": {"count": 1, "names": ["results/"]}}
