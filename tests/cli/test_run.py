"""`run` as a user types it: first run, rerun, changes, failures, outputs."""

import json
import shutil
from pathlib import Path

from tests.cli.starting import Cli


def test_first_run_writes_a_result_for_every_file(cli: Cli, folder: Path) -> None:
    done = cli("run", folder)

    assert done.returncode == 0, done.stdout + done.stderr
    out = cli.cwd / "docmill-out" / "papers"
    assert "Text of the first paper." in (out / "a.md.md").read_text()
    assert json.loads((out / "letters" / "c.txt.json").read_text())["product"] == "parse"
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows] == ["a.md", "b.csv", "letters/c.txt"]
    assert {row["outcome"] for row in rows} == {"completed"}
    assert (out / "manifest.parquet").is_file()
    assert "papers" in (out / "report.html").read_text()
    assert f"Report:    {out / 'report.html'}" in done.stdout
    assert "/namespaces/default/workflows/bat-" in done.stdout


def test_repeated_run_processes_only_new_or_changed_files(cli: Cli, folder: Path) -> None:
    first = cli.json("run", folder)
    again = cli.json("run", folder)
    (folder / "a.md").write_text("# Another title\n")
    (folder / "d.md").write_text("# New\n")
    (folder / "b.csv").unlink()
    changed = cli("run", folder)
    third = cli.json("status", _batch_of(changed.stdout))
    listed = cli.json("list", "--limit", "3")["batches"]

    assert (first["completed"], first["exit_code"]) == (3, 0)
    assert again["skipped_by_reason"] == {"already_processed": 3}
    assert (again["completed"], again["exit_code"]) == (0, 0)
    assert again["batch_id"] != first["batch_id"]
    assert "Gone since the last run: b.csv" in changed.stdout
    assert changed.returncode == 0
    assert (third["completed"], third["skipped"], third["total"]) == (2, 1, 3)
    ids = [third["batch_id"], again["batch_id"], first["batch_id"]]
    assert [batch["batch_id"] for batch in listed] == ids
    assert cli("watch", ids[0]).returncode == 0
    assert "Another title" in (cli.cwd / "docmill-out/papers/a.md.md").read_text()


def test_run_exits_with_1_when_one_file_fails_and_completes_the_others(
    cli: Cli, folder: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 this is no PDF")
    (folder / "empty.txt").touch()

    done = cli("run", folder)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "completed  3" in done.stdout
    assert "failed     2" in done.stdout
    batch_id = _batch_of(done.stdout)
    groups = cli.json("failures", batch_id)["failures"]
    assert {group["failure_class"] for group in groups} == {"corrupt", "empty"}
    assert all(group["advice"] for group in groups)
    failed = cli.json("results", batch_id, "--status", "failed")["items"]
    assert [item["path"] for item in failed] == ["broken.pdf", "empty.txt"]
    assert "corrupt (1)" in cli("failures", batch_id).stdout


def test_emptied_output_folder_is_rewritten_without_an_engine(cli: Cli, folder: Path) -> None:
    cli.json("run", folder)
    out = cli.cwd / "docmill-out/papers"
    before = (out / "a.md.json").read_bytes()
    shutil.rmtree(out)

    again = cli.json("run", folder)

    assert again["skipped_by_reason"] == {"already_processed": 3}
    assert (out / "a.md.json").read_bytes() == before
    assert cli("verify", out).returncode == 0


def test_verify_finds_one_changed_byte_and_a_missing_file(cli: Cli, folder: Path) -> None:
    cli.json("run", folder)
    out = cli.cwd / "docmill-out/papers"
    data = bytearray((out / "b.csv.md").read_bytes())
    data[0] ^= 1
    (out / "b.csv.md").write_bytes(data)
    (out / "a.md.json").unlink()

    done = cli("verify", out)

    assert done.returncode == 1
    assert "b.csv.md has changed" in done.stdout
    assert "a.md.json is missing" in done.stdout
    assert cli.json("run", folder)["exit_code"] == 0
    assert cli("verify", out).returncode == 0


def test_json_output_is_one_object_without_progress(cli: Cli, folder: Path) -> None:
    done = cli("run", folder, "--json", "--out", "elsewhere")

    answer = json.loads(done.stdout)
    assert answer["status"] == "COMPLETED"
    assert answer["out"] == str(cli.cwd / "elsewhere")
    assert Path(answer["report"]).is_file()
    assert answer["temporal_ui"].endswith(answer["batch_id"])
    assert "completed: 3 of 3" in done.stderr


def test_filters_and_parameters_make_another_batch(cli: Cli, folder: Path) -> None:
    (cli.cwd / "fast.yaml").write_text("tier: fast\ndisable_cache: true\n")

    only_text = cli.json("run", folder, "--include", "*.txt", "--config", "fast.yaml")
    without_text = cli.json("run", folder, "--exclude", "letters/*", "--no-recursive")

    assert (only_text["total"], without_text["total"]) == (1, 2)


def test_empty_folder_completes_at_once(cli: Cli) -> None:
    (cli.cwd / "nothing").mkdir()

    answer = cli.json("run", "nothing")

    assert (answer["total"], answer["exit_code"]) == (0, 0)


def test_output_folder_inside_the_input_folder_is_left_out(cli: Cli, folder: Path) -> None:
    cli.json("run", folder, "--out", folder / "results")

    assert cli.json("run", folder, "--out", folder / "results")["total"] == 3


def _batch_of(output: str) -> str:
    return next(word.rstrip(":") for word in output.split() if word.startswith("bat-"))
