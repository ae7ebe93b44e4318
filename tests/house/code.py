"""The production code as these tests read it: files, modules, imports."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("workflows", "activities", "docmill")
PROGRAMS = ("worker", "starter", "server")
"""Composition roots: they may be long in imports, and nobody imports them."""


@dataclass(frozen=True)
class Import:
    """One import: who, whom, and where it is written."""

    importer: str
    target: str
    place: str


def files(root: Path = ROOT) -> list[Path]:
    """Every Python file that is shipped: the rooms and the programs."""
    found = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))]
    return found + [path for name in PROGRAMS if (path := root / f"{name}.py").exists()]


def module_of(path: Path, root: Path = ROOT) -> str:
    """The dotted name under which ``path`` is imported."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str, root: Path = ROOT) -> bool:
    """Whether ``name`` is a module or package of ours."""
    place = root.joinpath(*name.split("."))
    return place.with_suffix(".py").exists() or place.is_dir()


def imports(root: Path = ROOT) -> tuple[Import, ...]:
    """Every import of the shipped code, also the lazy ones inside functions."""
    return _imports(root)


@cache
def _imports(root: Path) -> tuple[Import, ...]:
    return tuple(_find_imports(root))


def _find_imports(root: Path) -> Iterator[Import]:
    for path in files(root):
        importer = module_of(path, root)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
            for target in _targets(node, importer, path.name == "__init__.py", root):
                yield Import(importer, target, place)


def _targets(node: ast.AST, importer: str, is_package: bool, root: Path) -> list[str]:
    """The modules that ``node`` imports; ``from a import b`` is ``a.b`` when that is a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        parents = importer.split(".")
        kept = parents[: len(parents) - node.level + (1 if is_package else 0)]
        base = ".".join([*kept, *([base] if base else [])])
    full = [f"{base}.{alias.name}" for alias in node.names]
    return [name if is_module(name, root) else base for name in full]
