"""Verification of the output of a run, in a folder or a bucket, against its manifest."""

import hashlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from arro3.io import read_parquet
from pydantic import ValidationError

from docmill.errors import UsageError
from docmill.objects.places import Place, is_plain_path
from docmill.objects.results import MARKDOWN_FILE, named_files
from docmill.outputs.destinations import (
    BucketDestination,
    Destination,
    FolderDestination,
    destination_of,
)
from docmill.outputs.files import hash_of
from docmill.outputs.manifest import MANIFEST_ROW, ManifestRow
from docmill.outputs.names import MANIFEST_HASHES, MANIFEST_LINES, MANIFEST_TABLE, OutputNames

_HINT = "Name the output of a `run`, or repair it by running the same command again."
_BLOCK = 64
"""Results that are checked at a time; a bucket gets several requests."""
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


def verify(out: Place) -> list[Problem]:
    """Hash every output and compare it with the manifest, and compare both formats of the manifest.

    Memory does not grow with the number of outputs. Everything in a bucket is downloaded once;
    the manifest is kept in a temporary folder meanwhile.

    Args:
        out: a folder or a bucket that a run has written.

    Raises:
        UsageError: the manifest is missing or cannot be read, or access to the bucket is denied.
        UnavailableError: the bucket cannot be reached.
    """
    with (
        TemporaryDirectory(prefix="docmill-verify-") as scratch,
        closing(destination_of(out, Path(scratch))) as destination,
    ):
        folder = Path(scratch)
        if isinstance(destination, FolderDestination):
            folder = destination.folder
        elif isinstance(destination, BucketDestination):
            for name in (MANIFEST_LINES, MANIFEST_TABLE, MANIFEST_HASHES):
                destination.download(name, folder)
        return _Verification(destination, folder).problems()


def read_rows(lines: Path, location: str | None = None) -> Iterator[ManifestRow]:
    """Yield the rows of a ``manifest.jsonl``.

    Args:
        lines: the file.
        location: its name in messages, if it is a copy.

    Raises:
        UsageError: the file is missing, or is not a manifest.
    """
    named = location or str(lines)
    try:
        with lines.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield MANIFEST_ROW.validate_json(line)
                except ValidationError:
                    raise UsageError(f"{named} is damaged in line {number}.", _HINT) from None
    except OSError as error:
        raise UsageError(f"{named} cannot be read: {error.strerror}.", _HINT) from None


class _Verification:
    """One verification of a destination."""

    def __init__(self, out: Destination, folder: Path) -> None:
        """Create it; ``folder`` has the files of the manifest, or copies of them."""
        self._out = out
        self._folder = folder

    def problems(self) -> list[Problem]:
        """Return the differences, in the order of the manifest; those of the manifest last."""
        problems: list[Problem] = []
        rows = (row for row in self._rows() if row.output_path is not None)
        while block := list(islice(rows, _BLOCK)):
            for found in self._out.each(self._check_outputs, block):
                problems += found
        return problems + self._check_manifest()

    def _rows(self) -> Iterator[ManifestRow]:
        return read_rows(self._folder / MANIFEST_LINES, f"{self._out.location}/{MANIFEST_LINES}")

    def _check_outputs(self, row: ManifestRow) -> list[Problem]:
        """Check the JSON of one result, and the files that it names."""
        path = str(row.output_path)
        if not _inside(path):
            return [Problem(path, "is not an output of this folder")]
        names = OutputNames.of_result(path)
        result = self._out.read(path)
        actual = None if result is None else hashlib.sha256(result).hexdigest()
        if result is not None and actual == row.output_sha256:
            try:
                siblings = named_files(result)
            except ValueError:
                return [Problem(path, "is not a result of Docmill")]
            return [
                problem
                for name, expected in siblings.items()
                for problem in self._compare(names.of(name), expected)
            ]
        problems = _difference(path, actual, row.output_sha256)
        if self._with_markdown and self._out.hash_of(names.markdown) is None:
            problems.append(Problem(names.markdown, "is missing"))
        return problems

    @cached_property
    def _with_markdown(self) -> bool:
        """Whether the results here have Markdown, according to the first readable one."""
        for row in self._rows():
            path = row.output_path
            if path is None or not _inside(path) or (result := self._out.read(path)) is None:
                continue
            if hashlib.sha256(result).hexdigest() == row.output_sha256:
                with suppress(ValueError):
                    return MARKDOWN_FILE in named_files(result)
        return True

    def _compare(self, name: str, expected: str | None) -> list[Problem]:
        return _difference(name, self._out.hash_of(name), expected)

    def _check_manifest(self) -> list[Problem]:
        """Check the manifest's files against their hashes, and both formats against each other."""
        try:
            lines = (self._folder / MANIFEST_HASHES).read_text(errors="replace").splitlines()
        except OSError:
            return [Problem(MANIFEST_HASHES, "is missing")]
        expected = {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
        problems = [
            problem
            for name in (MANIFEST_LINES, MANIFEST_TABLE)
            for problem in _difference(name, hash_of(self._folder / name), expected.get(name))
        ]
        if not problems and not self._same_rows():
            problems.append(Problem(MANIFEST_TABLE, f"differs from {MANIFEST_LINES}"))
        return problems

    def _same_rows(self) -> bool:
        table = map(MANIFEST_ROW.validate_python, table_rows(self._folder / MANIFEST_TABLE))
        return all(line == row for line, row in zip_longest(self._rows(), table))


def _inside(path: str) -> bool:
    return is_plain_path(path) and path.endswith(".json")


def _difference(path: str, actual: str | None, expected: str | None) -> list[Problem]:
    if actual == expected:
        return []
    return [Problem(path, "is missing" if actual is None else "has changed")]


def table_rows(table: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a ``manifest.parquet``."""
    for batch in read_parquet(table, batch_size=_BATCH):
        names = batch.schema.names
        columns = [batch.column(name).to_pylist() for name in names]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))
