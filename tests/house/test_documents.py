"""The documents agree with the code: names, tables, links, commands."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

from docmill.cli.app import COMMANDS
from docmill.cli.exits import Exit
from docmill.contracts import names
from docs.reference import generate
from tests.house.code import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
PAGES = sorted(generate.PAGES.glob("*.md"))

TOUR = (ROOT / "docs/explanation/tour.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^## \d+\. (.+?)\n(.*?)(?=^## |\Z)", TOUR, re.MULTILINE | re.DOTALL))
STEP = re.compile(r"^(\d)\. `([\w/]+\.py)::([\w.]+)`", re.MULTILINE)
LONGEST_PATH = 3


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_has_a_target(document: Path) -> None:
    targets = re.findall(r"(?:\]\(|src=\"|href=\")([^)\"#]+)", text_of(document))
    local = [target for target in targets if not target.startswith(("http:", "https:", "mailto:"))]
    dead = [target for target in local if not (document.parent / target).exists()]
    assert not dead, f"{document.relative_to(ROOT)} links to {dead}"


def anchors_of(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_anchor_of_a_link_is_a_heading(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text_of(document))
    pages = [(document.parent / file if file else document, anchor) for file, anchor in targets]
    dead = [f"{page.name}#{anchor}" for page, anchor in pages if anchor not in anchors_of(page)]
    assert not dead, f"{document.relative_to(ROOT)} links to {dead}"


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^    |`)make ([a-z0-9-]+)", text_of(document), re.MULTILINE))
        assert named <= targets, f"{document.name} names make {named - targets}"


def test_every_command_in_the_documents_exists() -> None:
    commands = COMMANDS
    for document in DOCUMENTS:
        named = set(re.findall(r"starter\.py ([a-z][a-z:-]*)", text_of(document)))
        assert named <= set(commands), f"{document.name} names {named - set(commands)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.name))
def test_reference_page_agrees_with_the_code(page: Path) -> None:
    assert generate.generated(text_of(page)) == text_of(page), "run `make docs` and commit"


def test_reference_pages_include_every_generated_table() -> None:
    shown = {block[1] for page in PAGES for block in generate.BLOCK.findall(text_of(page))}
    assert shown == generate.BLOCKS.keys()


def test_environment_example_agrees_with_the_code() -> None:
    found = text_of(generate.ENVIRONMENT_EXAMPLE)
    assert found == generate.environment_example(), "run `make docs` and commit"


def test_command_reference_names_every_exit_code() -> None:
    page = text_of(ROOT / "docs/reference/commands.md")
    assert set(map(int, re.findall(r"^\| (\d+) \|", page, re.MULTILINE))) == set(Exit)


def test_page_of_temporal_cloud_registers_every_search_attribute() -> None:
    page = text_of(ROOT / "docs/how-to/temporal-cloud.md")
    assert dict(re.findall(r'--search-attribute "(\w+)=(\w+)"', page)) == names.SEARCH_ATTRIBUTES


def test_every_page_is_in_the_index() -> None:
    index = text_of(ROOT / "docs/README.md")
    pages = [path for path in ROOT.glob("docs/*/*.md") if path.parent.name != "decisions"]
    missing = [p.name for p in pages if f"({p.parent.name}/{p.name})" not in index]
    assert not missing, f"add {missing} to docs/README.md"


def test_wire_names_of_the_examples_are_those_of_the_contract() -> None:
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


def paths_of(answer: str) -> list[list[tuple[str, str]]]:
    """Split the numbered steps of an answer into paths, each of which begins with 1."""
    paths: list[list[tuple[str, str]]] = []
    for number, file, name in STEP.findall(answer):
        if number == "1":
            paths.append([])
        paths[-1].append((file, name))
    return paths


PATHS = [(question, path) for question, answer in QUESTIONS.items() for path in paths_of(answer)]


def definition(file: str, name: str) -> ast.AST | None:
    """Return the class or function ``name`` of a file, a method as ``Class.method``."""
    if not (ROOT / file).exists():
        return None
    found: ast.AST | None = ast.parse(text_of(ROOT / file))
    for part in name.split("."):
        found = next(
            (node for node in getattr(found, "body", ()) if getattr(node, "name", None) == part),
            None,
        )
    return found


def words(node: ast.AST) -> set[str]:
    """Return every identifier that the code of ``node`` uses, and every attribute."""
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return used | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def wire_names(node: ast.AST) -> set[str]:
    """Return the constants that ``node`` uses: client and workflow share names on the wire."""
    return {word for word in words(node) if word.isupper() and "_" in word}


def test_tour_answers_ten_questions() -> None:
    assert len(QUESTIONS) == 10
    assert {question for question, _ in PATHS} == QUESTIONS.keys()


@pytest.mark.parametrize(("question", "path"), PATHS, ids=lambda value: str(value)[:40])
def test_steps_of_the_tour_are_linked_in_order(question: str, path: list[tuple[str, str]]) -> None:
    assert 1 < len(path) <= LONGEST_PATH, f"{question} {len(path)} steps"
    steps = [(f"{file}::{name}", name, definition(file, name)) for file, name in path]
    gone = [place for place, _, node in steps if node is None]
    assert not gone, f"{gone} moved: correct docs/explanation/tour.md"
    for (place, _, node), (next_place, next_name, next_node) in pairwise(steps):
        assert node is not None
        assert next_node is not None
        leads = set(next_name.split(".")) & words(node) or wire_names(node) & wire_names(next_node)
        assert leads, f"{place} does not use {next_place}: correct docs/explanation/tour.md"
