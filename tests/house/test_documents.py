"""What the documents say is true of the code: names, tables, links, commands."""

import re
from pathlib import Path

import pytest

from docmill.cli.app import COMMANDS
from docmill.cli.exits import Exit
from docmill.contracts import names
from docmill.contracts.scans import LEFT_OUT_WORDS, LeftOutReason
from docmill.contracts.warnings import WARNING_GUIDES, WarningCode, kind_of
from docmill.errors import GUIDES, Retry
from docmill.settings import Settings
from tests.house.code import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
README = ROOT / "README.md"

RETRIES = {
    Retry.NEVER: "no",
    Retry.ENGINE: "three tries",
    Retry.WORKER: "three workers",
    Retry.INFRASTRUCTURE: "until it is back",
}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"(?:\]\(|src=\"|href=\")([^)\"#]+)", text_of(document))
    local = [target for target in targets if not target.startswith(("http:", "https:", "mailto:"))]
    dead = [target for target in local if not (document.parent / target).exists()]
    assert not dead, f"{document.relative_to(ROOT)} links to {dead}"


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", text_of(document), re.MULTILINE))
        assert named <= targets, f"{document.name} names make {named - targets}"


def test_every_command_in_the_documents_exists() -> None:
    commands = COMMANDS
    for document in DOCUMENTS:
        named = set(re.findall(r"starter\.py ([a-z][a-z:-]*)", text_of(document)))
        assert named <= set(commands), f"{document.name} names {named - set(commands)}"


def test_every_command_is_in_the_readme() -> None:
    commands = COMMANDS
    missing = [name for name in commands if f"`{name}" not in text_of(README)]
    assert not missing, f"say in the README what {missing} do"


def test_the_readme_names_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `DOCMILL_(\w+)` \| ([^|]*) \|", text_of(README), re.MULTILINE))
    fields = {name.upper(): field for name, field in Settings.model_fields.items()}
    assert rows.keys() == fields.keys(), rows.keys() ^ fields.keys()
    plain = {
        name: field.default
        for name, field in fields.items()
        if isinstance(field.default, int | float | str) and field.default != ""
    }
    assert {name: rows[name] for name in plain} == {
        name: f"`{default}`" for name, default in plain.items()
    }


def test_the_readme_names_every_exit_code() -> None:
    rows = set(map(int, re.findall(r"^\| (\d+) \|", text_of(README), re.MULTILINE)))
    assert rows == set(Exit)


def test_the_page_of_failures_says_what_the_code_says() -> None:
    rows = [
        f"| `{failure}` | {guide.meaning} | {guide.advice} | {RETRIES[guide.retry]} |"
        for failure, guide in GUIDES.items()
    ]
    table = "\n".join(rows)
    assert table in text_of(ROOT / "docs/reference/failures.md"), f"the table must be:\n{table}"


def test_the_page_of_warnings_says_what_the_code_says() -> None:
    rows = [
        f"| `{code}` | {kind_of(code)} | {WARNING_GUIDES[code].meaning} |" for code in WarningCode
    ]
    table = "\n".join(rows)
    assert table in text_of(ROOT / "docs/reference/warnings.md"), f"the table must be:\n{table}"


def test_the_page_of_listings_says_what_the_code_says() -> None:
    rows = [f"| `{reason}` | {LEFT_OUT_WORDS[reason]} |" for reason in LeftOutReason]
    table = "\n".join(rows)
    assert table in text_of(ROOT / "docs/reference/listing.md"), f"the table must be:\n{table}"


def test_the_wire_names_of_the_examples_are_those_of_the_contract() -> None:
    wire = {
        names.BATCH_QUEUE,
        names.BATCH_WORKFLOW,
        *(
            value
            for name, value in vars(names).items()
            if name.endswith(("_QUERY", "_SIGNAL", "_UPDATE"))
        ),
    }
    named = re.findall(
        r"^\| (?:task queue|workflow|query|signal|update) \| `(\w+)` \|",
        text_of(ROOT / "examples/README.md"),
        re.MULTILINE,
    )
    assert set(named) == wire


def test_every_test_that_the_documents_name_exists() -> None:
    named = {
        (file, test)
        for document in DOCUMENTS
        for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text_of(document))
    }
    gone = [
        (file, test)
        for file, test in named
        if not (ROOT / file).exists() or f"def {test}" not in text_of(ROOT / file)
    ]
    assert not gone, gone


def test_every_decision_has_its_four_parts() -> None:
    for decision in ROOT.glob("docs/decisions/[0-9]*.md"):
        for part in ("Context", "Decision", "Consequences", "Alternatives"):
            assert f"\n## {part}\n" in text_of(decision), f"{decision.name} lacks {part}"
