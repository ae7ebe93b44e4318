"""Imports point to the stable side (docs/architecture.md draws the picture)."""

from pathlib import Path

import pytest

from tests.house.code import ROOT, files, module_of
from tests.house.walls import MAY_IMPORT, crossings


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
        "and add it to the map in docs/architecture.md."
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
def test_a_crossing_is_found_and_explained(tmp_path: Path, file: str, line: str) -> None:
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
