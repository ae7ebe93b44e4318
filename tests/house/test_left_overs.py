"""No unfinished code: no TODO marks, no printing, no debugging code."""

import ast
import re

from tests.house.code import ROOT, files

LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def test_code_has_no_todo_marks() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LATER.search(line)
    ]
    assert not found, f"do it now, or write an issue and remove the mark: {found}"


def test_only_the_command_line_prints() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files()
        if not path.is_relative_to(ROOT / "docmill/cli") and path.name != "starter.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("print", "breakpoint")
    ]
    assert not found, f"log an event with structlog instead of printing: {found}"
