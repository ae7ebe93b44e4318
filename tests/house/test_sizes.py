"""A file holds one noun, a function one thought: what outgrows that is split."""

import ast
from pathlib import Path

from tests.house.code import ROOT, files

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 30
"""Lines of a function's body without its docstring."""


def _tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("*.py"))


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without docstring and without functions defined inside."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    inner = [
        node
        for node in ast.walk(function)
        if node is not function and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    nested = sum((node.end_lineno or 0) - node.lineno + 1 for node in inner)
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 - nested


def test_no_file_outgrows_a_reader() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*files(), *_tests()]
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    }
    assert not long, f"over {MAX_FILE_LINES} lines, look for the second noun and split: {long}"


def test_no_function_outgrows_a_screen() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": lines
        for path in files()
        if "migrations" not in path.parts  # a migration is a list of what changes, in order
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := _body_lines(node)) > MAX_FUNCTION_LINES
    }
    assert not long, (
        f"over {MAX_FUNCTION_LINES} lines; name the steps and make each a function: {long}"
    )
