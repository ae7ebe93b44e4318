"""Guarantees that hold after a run with any kills. Each check returns the violations."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from docmill.contracts.words import Tally
from docmill.objects.open import open_store
from docmill.objects.results import RESULT_FILE, result_key
from docmill.outputs.verify import verify
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.items import ItemRow
from docmill.records.ledger import Ledger
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch
from docmill.settings import Settings
from tests.chaos.reaper.files import Files


class Aftermath:
    """The records and objects of a run that is over.

    Attributes:
        batch: its only batch.
        items: every item of it.
        counts: the live counts that users saw last.
        tally: the same, counted anew.
    """

    batch: Batch
    items: list[ItemRow]
    counts: Tally
    tally: Tally

    def __init__(self, settings: Settings, files: Files) -> None:
        self._settings = settings
        self._files = files
        root = open_store(settings.store).local_path("x")
        assert root is not None
        self._objects = root.parent

    async def read(self) -> None:
        """Read the records."""
        database = Database(self._settings.database, EVERY_PROJECT)
        async with database.read() as session:
            page = await Batches(session).list(None, limit=10)
            (self.batch,) = page.items
            self.items = list(await Ledger(session).walk(self.batch, 0, 100_000))
            self.counts = (await Batches(session).counts([self.batch.id]))[self.batch.id]
            self.tally = await Ledger(session).tally(self.batch)
        await database.close()

    def wrong(self) -> Iterator[str]:
        """Say everything that is not as promised."""
        yield from self._outcomes()
        yield from self._runs()
        yield from self._manifest()
        yield from self._outputs()

    def _outcomes(self) -> Iterator[str]:
        names = sorted(path.name for path in self._files.folder.iterdir())
        if sorted(item.path for item in self.items) != names:
            yield "the ledger is not the listing"
        if self.batch.status != "COMPLETED" or self.batch.total != len(names):
            yield f"the batch is {self.batch.status} with {self.batch.total} files"
        if not self.counts == self.tally == Tally(completed=len(names)):
            yield f"live counts {self.counts}, counted {self.tally}"
        for item in self.items:
            if item.status != "completed":
                yield f"{item.path} is {item.status}: {item.failure_class} {item.failure_message}"

    def _runs(self) -> Iterator[str]:
        """An engine may be started once per attempt, and never after the item's outcome."""
        for item in self.items:
            runs = self._files.runs_of(item.path)
            if not 1 <= runs <= item.attempts:
                yield f"{item.path}: {runs} engine runs in {item.attempts} attempts"
            elif item.finished_at is None:
                yield f"{item.path} never finished"
            elif self._files.last_start(item.path) > item.finished_at.timestamp():
                yield f"{item.path} was run again after its outcome"

    def _manifest(self) -> Iterator[str]:
        path = self._objects / str(self.batch.manifest_key)
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != self.batch.manifest_sha256:
            yield "the manifest is not the one that the batch names"
        rows = [json.loads(line) for line in data.splitlines()]
        named = {(row["path"], row["outcome"], row["output_sha256"]) for row in rows}
        held = {(item.path, item.status, item.result_sha256) for item in self.items}
        if len(rows) != len(self.items) or named != held:
            yield "the manifest is not the ledger"

    def _outputs(self) -> Iterator[str]:
        """Each result is there once, whole, and nothing is in the store that nobody names."""
        manifest = Path(str(self.batch.manifest_key))
        expected = Counter({str(manifest): 1, str(manifest.with_suffix(".parquet")): 1})
        for item in self.items:
            key = result_key(item.object_prefix or "", RESULT_FILE)
            result = self._objects / key
            data = result.read_bytes() if result.is_file() else b"{}"
            if hashlib.sha256(data).hexdigest() != item.result_sha256:
                yield f"{item.path}: {key} is not the recorded result"
            expected[key] += 1
            for name, sha256 in json.loads(data).get("files", {}).items():
                beside = result_key(item.object_prefix or "", name)
                expected[beside] += 1
                if _hash(self._objects / beside) != sha256:
                    yield f"{item.path}: {name} is not what its result names"
        found = Counter(
            str(path.relative_to(self._objects))
            for path in self._objects.rglob("*")
            if path.is_file()
        )
        yield from (f"nobody names the object {key}" for key in (found - expected))
        yield from (f"the object {key} is missing or named twice" for key in (expected - found))


def _hash(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def wrong_in_folder(out: Path, files: Files) -> Iterator[str]:
    """Say what is not as promised in a folder that ``starter.py run`` has written."""
    yield from (f"{problem.path} {problem.what}" for problem in verify(out))
    names = {path.name for path in files.folder.iterdir()}
    written = {path.name.removesuffix(".md") for path in out.glob("*.txt.md")}
    if written != names:
        yield f"the output folder has {len(written)} of {len(names)} results"


def left_behind(place: Path) -> Iterator[str]:
    """Say which temporary files and folders are left."""
    for path in (*(place / "tmp").iterdir(), *place.rglob(".docmill-tmp-*")):
        yield f"left behind: {path.relative_to(place)}"
