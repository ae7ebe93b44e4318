"""The command `run`, in a container: a batch from a bucket to a bucket, without the HTTP API."""

import hashlib
import json
from typing import Any

from tests.e2e.clients import Store
from tests.e2e.deployment import Deployment
from tests.e2e.documents import documents
from tests.e2e.report import Report

FILES = 80
FIRST = 50_000
"""Number of the first document: those of the other batch would count as already processed."""
SOURCE, DESTINATION = "documents/command", "docmill/command"


def run_command(deployment: Deployment, report: Report) -> None:
    """Run the command twice, and check exit codes, manifests and results.

    A twentieth of the documents is broken, so that both runs exit with 1; the second one runs only
    these again.
    """
    wanted = {one.name: one for one in documents(FILES, FIRST)}
    broken = sum(one.is_broken for one in wanted.values())
    store = Store()
    store.put(SOURCE, wanted.values())

    first = _run(deployment)
    assert (first["completed"], first["failed"]) == (FILES - broken, broken), first
    rows = _manifest(store)
    assert rows.keys() == wanted.keys()
    for name, row in rows.items():
        if wanted[name].is_broken:
            assert (row["outcome"], row["output_path"]) == ("failed", None), row
            continue
        assert row["outcome"] == "completed", row
        result = store.read(f"{DESTINATION}/{row['output_path']}")
        assert hashlib.sha256(result).hexdigest() == row["output_sha256"], row
        text = store.read(f"{DESTINATION}/{name}.md").decode()
        assert text.strip(), row
        assert wanted[name].word in text, row
    report.say(
        f"run s3://{SOURCE} --out s3://{DESTINATION} in a container: {FILES - broken} completed, "
        f"{broken} failed, exit code 1; the results are those of the manifest"
    )

    again = _run(deployment)
    assert (again["completed"], again["failed"]) == (0, broken), again
    assert again["skipped_by_reason"] == {"already_processed": FILES - broken}, again
    for name, row in _manifest(store).items():
        assert row["output_sha256"] == rows[name]["output_sha256"], row
    report.say(f"the same command again: {FILES - broken} already processed, {broken} failed")


def _run(deployment: Deployment) -> dict[str, Any]:
    ended = deployment.execute("run", f"s3://{SOURCE}", "--out", f"s3://{DESTINATION}", "--json")
    assert ended.returncode == 1, ended.stderr[-3000:]
    shown: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert (shown["status"], shown["exit_code"], shown["total"]) == ("COMPLETED", 1, FILES), shown
    return shown


def _manifest(store: Store) -> dict[str, dict[str, Any]]:
    lines = store.read(f"{DESTINATION}/manifest.jsonl").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == FILES
    return {row["path"]: row for row in rows}
