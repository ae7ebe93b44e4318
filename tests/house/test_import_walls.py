"""Imports point to the stable side (see docs/explanation/architecture.md)."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.house.code import ROOT, files, imports, module_of
from tests.house.walls import MAY_IMPORT, crossings, room_of, within


def test_no_import_crosses_a_wall() -> None:
    found = crossings()
    assert not found, "\n" + "\n".join(found)


def test_every_module_has_a_rule() -> None:
    ruleless = [
        module
        for module in map(module_of, files())
        if module.count(".") >= 1
        and module.partition(".")[0] == "docmill"
        and ".".join(module.split(".")[:2]) not in MAY_IMPORT
    ]
    assert not ruleless, (
        f"{ruleless} have no rule: say in tests/house/walls.py what the new room may import, "
        "and add it to the map in docs/explanation/architecture.md."
    )


def test_every_rule_names_something_that_exists() -> None:
    gone = [
        name
        for name in MAY_IMPORT
        if not ROOT.joinpath(*name.split(".")).is_dir()
        and not ROOT.joinpath(*name.split(".")).with_suffix(".py").exists()
    ]
    assert not gone, f"remove the rules of {gone} from tests/house/walls.py"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("docmill/records/x.py", "from activities import processing"),
        ("docmill/client.py", "import workflows.batch"),
        ("docmill/ids.py", "def f():\n    from docmill.errors import bounded"),
        ("docmill/records/x.py", "from ..engines import base"),
        ("docmill/api/x.py", "from docmill.cli import run"),
        ("docmill/api/x.py", "from sqlalchemy import select"),
        ("workflows/batch.py", "from docmill.records import ledger"),
        ("activities/x.py", "from workflows import batch"),
        ("starter.py", "import worker"),
    ],
)
def test_import_across_a_wall_is_found_and_explained(tmp_path: Path, file: str, line: str) -> None:
    for room in ("workflows", "activities", "docmill/engines", "docmill/cli", "docmill/records"):
        (tmp_path / room).mkdir(parents=True, exist_ok=True)
    for module in ("docmill/engines/base", "docmill/cli/run", "docmill/records/ledger"):
        (tmp_path / f"{module}.py").write_text("")
    target = tmp_path / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(line)

    (message,) = crossings(tmp_path)

    assert message.startswith(f"{file}:")
    assert "only itself" in message or "belongs to" in message


def test_no_two_packages_import_each_other() -> None:
    order = TopologicalSorter[str]()
    for one in imports():
        importer, target = (room_of(name) for name in (one.importer, one.target))
        if target is not None and importer is not None and importer != target:
            order.add(importer, target)
    order.prepare()  # raises CycleError, which names the circle


def test_queries_exist_only_in_the_records_package() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: session.{node.func.attr}"
        for path in files()
        if not within(module_of(path), "docmill.records")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"session", "connection"}
    ]
    assert not found, f"{found}: add a method to a repository in docmill/records, and call that."
