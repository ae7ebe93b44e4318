"""`run --job extract`: a schema from a file, fields in the summary, the report and `results`."""

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

SCHEMA = """
type: object
properties:
  invoice_number: {type: string}
  total: {type: number}
"""
BASIC = JobFlags(JobType.EXTRACT, engine="basic")


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A file with the schema of two fields."""
    path = tmp_path / "invoice.yaml"
    path.write_text(SCHEMA)
    return path


def test_run_extracts_fields_and_the_summary_counts_them(
    cli: Cli, folder: Path, schema: Path
) -> None:
    number = folder.parent.name
    (folder / "bill.txt").write_text(f"Invoice number: {number}\n\nTotal: 380.00\n")
    run = ("run", folder, "--job", "extract", "--schema", schema, "--engine", "basic", "--cite")

    done = cli(*run)
    again = cli.json(*run)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fields found:" in done.stdout
    out = cli.cwd / "docmill-out" / "papers"
    result = json.loads((out / "bill.txt.json").read_text())
    assert (result["product"], result["engine"]) == ("extract", "basic")
    assert result["result"] == {"invoice_number": number, "total": 380}
    cited = result["field_metadata"]["document_metadata"]["total"]["citation"]
    assert (cited[0]["page"], "380.00" in cited[0]["matching_text"]) == (1, True)
    assert again["fields"]["total"] >= 1
    assert again["skipped_by_reason"] == {"already_processed": 4}
    assert "Fields found" in (out / "report.html").read_text()
    assert not list(out.rglob("*.md"))
    assert cli("verify", out).stdout.startswith("Everything")
    listed = cli("results", again["batch_id"]).stdout
    assert f"invoice_number: {number}, total: 380" in " ".join(listed.split())
    items = cli.json("results", again["batch_id"])["items"]
    assert [one["result"] for one in items if one["path"] == "bill.txt"] == [result["result"]]


def test_run_with_another_schema_or_target_is_another_run(
    tmp_path: Path, folder: Path, schema: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    whole = tmp_path / "whole.json"
    properties = {"invoice_number": {"type": "string"}, "total": {"type": "number"}}
    whole.write_text(json.dumps({"data_schema": {"properties": properties}, "cite_sources": True}))
    flags = (
        replace(BASIC, schema=schema),
        replace(BASIC, schema=schema, target="per_page"),
        replace(BASIC, schema=schema, cite=True),
        replace(BASIC, schema=whole),
        replace(BASIC, config=whole),
    )
    requests = [RunRequest(source=folder, out=tmp_path / "out", flags=one) for one in flags]

    identities = [plan_of(request, settings).identity for request in requests]

    assert len(set(identities)) == 3
    assert identities[2] == identities[3] == identities[4]


@pytest.mark.parametrize(
    ("text", "typed", "says"),
    [
        (None, {}, "needs a schema"),
        ("type: array", {}, "its root"),
        ("properties: {a: {type: strin}}", {}, "properties.a.type"),
        ("- a", {}, "holds no parameters"),
        ("{unclosed", {}, "neither YAML nor JSON"),
        (SCHEMA, {"job": JobType.PARSE}, "--schema is for --job extract"),
        (SCHEMA, {"rules": Path("rules.yaml")}, "--rules is for --job classify"),
        (SCHEMA, {"tier": "fast"}, "tier"),
        (SCHEMA, {"engine": "local"}, "engine"),
        (SCHEMA, {"engine": None}, "No engine for extract"),
        (SCHEMA, {"engine": "llm"}, "No LLM endpoint"),
        (None, {"job": JobType.CLASSIFY, "cite": True}, "--cite"),
        (None, {"job": JobType.PARSE, "target": "per_page"}, "--target"),
    ],
)
def test_invalid_options_are_rejected_before_anything_starts(
    tmp_path: Path, folder: Path, text: str | None, typed: dict[str, Any], says: str
) -> None:
    path = tmp_path / "schema.yaml"
    if text is not None:
        path.write_text(text)
    flags = replace(BASIC, schema=path if text is not None else None, **typed)

    with pytest.raises(UsageError, match=says):
        plan_of(RunRequest(source=folder, flags=flags), Settings(home=tmp_path / "home"))
