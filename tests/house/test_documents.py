"""What the documents say is true of the code: names, tables, links, commands."""

import re
from pathlib import Path

import pytest

from docmill.cli.app import COMMANDS
from docmill.cli.exits import Exit
from docmill.contracts import names
from docs.reference import generate
from tests.house.code import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
PAGES = sorted(generate.PAGES.glob("*.md"))


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


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.name))
def test_reference_page_says_what_the_code_says(page: Path) -> None:
    assert generate.generated(text_of(page)) == text_of(page), "run `make docs` and commit"


def test_reference_pages_show_all_that_is_generated() -> None:
    shown = {block[1] for page in PAGES for block in generate.BLOCK.findall(text_of(page))}
    assert shown == generate.BLOCKS.keys()


def test_the_page_of_commands_names_every_exit_code() -> None:
    page = text_of(ROOT / "docs/reference/commands.md")
    assert set(map(int, re.findall(r"^\| (\d+) \|", page, re.MULTILINE))) == set(Exit)


def test_every_page_is_in_the_index() -> None:
    index = text_of(ROOT / "docs/README.md")
    pages = [path for path in ROOT.glob("docs/*/*.md") if path.parent.name != "decisions"]
    missing = [p.name for p in pages if f"({p.parent.name}/{p.name})" not in index]
    assert not missing, f"add {missing} to docs/README.md"


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
