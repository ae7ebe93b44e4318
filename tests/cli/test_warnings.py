"""Warnings of completed files: in the manifest, the terminal and the report."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.starting import Cli
from tests.engines.documents import pdf, tiff


def _animation() -> bytes:
    """Three blank frames."""
    first, *rest = (Image.new("RGB", (200, 100), color) for color in ("white", "ivory", "snow"))
    data = BytesIO()
    first.save(data, "GIF", save_all=True, append_images=rest)
    return data.getvalue()


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """Files from which no text comes, in several formats, and one that is complete."""
    folder, own = tmp_path / "doubtful", tmp_path.name.encode()
    folder.mkdir()
    (folder / "blank.tif").write_bytes(tiff(1) + own)
    (folder / "frames.gif").write_bytes(_animation() + own)
    (folder / "pages.pdf").write_bytes(pdf(f"Words of {tmp_path.name}", "", ""))
    (folder / "empty.html").write_text(f"<html><!-- {tmp_path.name} --><body></body></html>")
    (folder / "whole.txt").write_text(f"All the text of {tmp_path.name}.\n")
    return folder


def _codes(out: Path) -> dict[str, set[str]]:
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return {row["path"]: {one["code"] for one in row["warnings"]} for row in rows}


def _without_text(codes: dict[str, Any]) -> set[str]:
    return {name for name, found in codes.items() if found & {"no_text", "page_without_text"}}


def test_manifest_names_files_without_text_also_for_reused_results(
    cli: Cli, doubtful: Path
) -> None:
    out = cli.cwd / "out"
    first = cli("run", doubtful, "--out", out)
    codes = _codes(out)
    again = cli.json("run", doubtful, "--out", out)

    assert first.returncode == 0, first.stdout + first.stderr
    assert _without_text(codes) == {"blank.tif", "empty.html", "frames.gif", "pages.pdf"}
    assert "frames_not_read" in codes["frames.gif"]
    assert codes["whole.txt"] == set()
    assert again["skipped_by_reason"] == {"already_processed": 5}
    assert _codes(out) == codes
    assert cli("verify", out).returncode == 0


def test_terminal_and_the_report_group_warnings_by_code(cli: Cli, doubtful: Path) -> None:
    done = cli("run", doubtful, "--out", cli.cwd / "out")
    report = (cli.cwd / "out" / "report.html").read_text()
    batch_id = json.loads(cli("list", "--limit", "1", "--json").stdout)["batches"][0]["batch_id"]
    status = cli.json("status", batch_id)
    shown = cli("failures", batch_id, "--warnings").stdout
    groups = cli.json("failures", batch_id, "--warnings")
    results = {row["path"]: row for row in cli.json("results", batch_id)["items"]}

    assert "4 files completed with warnings: " in done.stdout
    assert "3 without text" in done.stdout
    assert "1 with frames not read" in done.stdout
    assert "Completed with warnings" in report
    assert "No text came from the document." in report
    assert status["files_with_warnings"] == groups["files_with_warnings"] == 4
    assert status["warnings"]["no_text"] == 3
    by_code = {group["code"]: group for group in groups["warnings"]}
    assert by_code["no_text"]["files"] == 3
    assert by_code["no_text"]["kind"] == "loss"
    assert by_code["frames_not_read"]["example"]["path"] == "frames.gif"
    assert "no_text (loss): 3 files" in shown
    assert {one["code"] for one in results["empty.html"]["warnings"]} == {"no_text"}
    assert results["whole.txt"]["warnings"] == []


def test_strict_option_fails_files_with_losses_or_named_codes(cli: Cli, doubtful: Path) -> None:
    out = cli.cwd / "out"
    losses = cli.json("run", "--strict", doubtful, "--out", out)
    named = cli.json("run", doubtful, "--out", out, "--strict=frames_not_read")
    wrong = cli("run", doubtful, "--out", out, "--strict=no_such_code")

    assert (losses["failed"], losses["completed"], losses["exit_code"]) == (4, 1, 1)
    (group,) = losses["failures"]
    assert group["failure_class"] == "incomplete"
    assert "no_text" in group["example"]["message"]
    assert (named["failed"], named["exit_code"]) == (1, 1)
    assert named["files_with_warnings"] == 3
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    by_path = {row["path"]: row for row in rows}
    assert by_path["frames.gif"]["outcome"] == "failed"
    assert "frames_not_read" in {one["code"] for one in by_path["frames.gif"]["warnings"]}
    assert wrong.returncode == 2
    assert "no_such_code" in wrong.stderr
