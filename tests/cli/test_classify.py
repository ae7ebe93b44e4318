"""`run --job classify`: rules from a file, types in the summary, results without Markdown."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from docmill.cli.run.job_parameters import JobFlags
from docmill.cli.run.request import RunRequest, plan_of
from docmill.contracts.words import JobType
from docmill.errors import UsageError
from docmill.settings import Settings
from tests.cli.starting import Cli

RULES = """
- type: letter
  description: A letter to somebody, with a salutation
- type: numbers
  description: A table with a name and a number in each row
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A file of two rules."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_run_assigns_a_type_to_each_file_and_the_summary_counts_them(
    cli: Cli, folder: Path, rules: Path
) -> None:
    letter = f"Dear Sir,\n\nI am writing to {folder}.\n\nYours sincerely\n"
    (folder / "letters" / "c.txt").write_text(letter)

    done = cli("run", folder, "--job", "classify", "--rules", rules)
    again = cli.json("run", folder, "--job", "classify", "--rules", rules)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Types:" in done.stdout
    out = cli.cwd / "docmill-out" / "papers"
    result = json.loads((out / "letters" / "c.txt.json").read_text())
    assert (result["product"], result["result"]["type"]) == ("classify", "letter")
    assert sum(again["types"].values()) == 3
    assert again["types"]["letter"] == 1
    assert again["skipped_by_reason"] == {"already_processed": 3}
    assert not list(out.rglob("*.md"))
    assert cli("verify", out).stdout.startswith("Everything")


def test_verify_of_a_classification_expects_no_markdown(
    cli: Cli, folder: Path, rules: Path
) -> None:
    cli.json("run", folder, "--job", "classify", "--rules", rules)
    (cli.cwd / "docmill-out/papers/a.md.json").unlink()

    done = cli("verify", cli.cwd / "docmill-out/papers")

    assert "a.md.json is missing" in done.stdout
    assert "a.md.md" not in done.stdout


def test_run_with_another_job_or_other_rules_is_another_run(tmp_path: Path, folder: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(json.dumps([{"type": "a", "description": "the first of the types"}]))
    two.write_text(json.dumps({"rules": [{"type": "b", "description": "another type of them"}]}))
    out = tmp_path / "out"
    requests = (
        RunRequest(source=folder, out=out),
        RunRequest(source=folder, out=out, flags=JobFlags(JobType.CLASSIFY, rules=one)),
        RunRequest(source=folder, out=out, flags=JobFlags(JobType.CLASSIFY, rules=two)),
        RunRequest(source=folder, out=out, flags=JobFlags(JobType.CLASSIFY, config=two)),
    )

    identities = [plan_of(request, settings).identity for request in requests]

    assert len(set(identities)) == 3
    assert identities[2] == identities[3]
    assert plan_of(requests[1], settings).spec("dir-1").job.type is JobType.CLASSIFY


@pytest.mark.parametrize(
    ("text", "typed", "says"),
    [
        (None, {}, "needs rules"),
        ("[]", {}, "rules"),
        ("type: a", {}, "holds no rules"),
        ("- {type: a, description: short}", {}, "rules.0.description"),
        ("[unclosed", {}, "neither YAML nor JSON"),
        (RULES, {"tier": "fast"}, "--tier"),
        (RULES, {"job": JobType.PARSE}, "--rules"),
    ],
)
def test_invalid_options_are_rejected_before_anything_starts(
    tmp_path: Path, folder: Path, text: str | None, typed: dict[str, Any], says: str
) -> None:
    path = tmp_path / "rules.yaml"
    if text is not None:
        path.write_text(text)
    rules = path if text is not None else None
    flags = replace(JobFlags(JobType.CLASSIFY, rules=rules), **typed)
    request = RunRequest(source=folder, flags=flags)

    with pytest.raises(UsageError, match=says):
        plan_of(request, Settings(home=tmp_path / "home"))
