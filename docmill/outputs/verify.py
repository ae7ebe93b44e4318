"""Verification of an output folder against its manifest."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from arro3.io import read_parquet
from pydantic import ValidationError

from docmill.errors import UsageError
from docmill.objects.results import MARKDOWN_FILE
from docmill.outputs.files import DamagedError, files_of_result, hash_of
from docmill.outputs.manifest import MANIFEST_ROW, ManifestRow
from docmill.outputs.names import MANIFEST_HASHES, MANIFEST_LINES, MANIFEST_TABLE, OutputNames

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class Problem:
    """One difference between an output folder and its manifest.

    Attributes:
        path: relative to the output folder.
        what: ``is missing``, ``has changed`` …: the rest of the sentence.
    """

    path: str
    what: str


def verify(out: Path) -> list[Problem]:
    """Hash every output and compare it with the manifest, and compare both formats of the manifest.

    Raises:
        UsageError: the manifest is missing or cannot be read.
    """
    problems: list[Problem] = []
    with_markdown = _has_markdown(out)
    for row in read_rows(out / MANIFEST_LINES):
        if row.output_path is not None:
            problems += _check_outputs(
                out, row.output_path, row.output_sha256, with_markdown=with_markdown
            )
    return problems + _check_manifest(out)


def read_rows(lines: Path) -> Iterator[ManifestRow]:
    """Yield the rows of a ``manifest.jsonl``.

    Raises:
        UsageError: the file is missing, or is not a manifest.
    """
    hint = "Name an output folder of `run`, or repair it by running the same command again."
    try:
        with lines.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield MANIFEST_ROW.validate_json(line)
                except ValidationError:
                    raise UsageError(f"{lines} is damaged in line {number}.", hint) from None
    except OSError as error:
        raise UsageError(f"{lines} cannot be read: {error.strerror}.", hint) from None


def _has_markdown(out: Path) -> bool:
    """Whether the results of this folder have Markdown, according to the first readable one."""
    for row in read_rows(out / MANIFEST_LINES):
        path = row.output_path
        if path is not None and _inside(path) and hash_of(out / path) == row.output_sha256:
            with suppress(DamagedError):
                return MARKDOWN_FILE in files_of_result(out / path)
    return True


def _inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and pure.suffix == ".json"


def _check_outputs(
    out: Path, path: str, sha256: str | None, *, with_markdown: bool
) -> list[Problem]:
    """Check the JSON of one result, and the files that it names."""
    if not _inside(path):
        return [Problem(path, "is not an output of this folder")]
    names = OutputNames.of_result(path)
    actual = hash_of(out / path)
    if actual == sha256:
        try:
            siblings = files_of_result(out / path)
        except DamagedError:
            return [Problem(path, "is not a result of Docmill")]
        return [
            problem
            for name, expected in siblings.items()
            for problem in _compare(names.of(name), hash_of(out / names.of(name)), expected)
        ]
    problems = _compare(path, actual, sha256)
    if with_markdown and not (out / names.markdown).is_file():
        problems.append(Problem(names.markdown, "is missing"))
    return problems


def _compare(path: str, actual: str | None, expected: str | None) -> list[Problem]:
    if actual == expected:
        return []
    return [Problem(path, "is missing" if actual is None else "has changed")]


def _check_manifest(out: Path) -> list[Problem]:
    """Check the manifest's files against their hashes, and its two formats against each other."""
    try:
        lines = (out / MANIFEST_HASHES).read_text(errors="replace").splitlines()
    except OSError:
        return [Problem(MANIFEST_HASHES, "is missing")]
    expected = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
    problems = [
        problem
        for name in (MANIFEST_LINES, MANIFEST_TABLE)
        for problem in _compare(name, hash_of(out / name), expected.get(name))
    ]
    if not problems and not _same_rows(out):
        problems.append(Problem(MANIFEST_TABLE, f"differs from {MANIFEST_LINES}"))
    return problems


def _same_rows(out: Path) -> bool:
    table = map(MANIFEST_ROW.validate_python, table_rows(out / MANIFEST_TABLE))
    lines = read_rows(out / MANIFEST_LINES)
    return all(line == row for line, row in itertools.zip_longest(lines, table))


def table_rows(table: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a ``manifest.parquet``."""
    for batch in read_parquet(table, batch_size=_BATCH):
        names = batch.schema.names
        columns = [batch.column(name).to_pylist() for name in names]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))
