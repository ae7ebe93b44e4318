"""A batch in a real database with results in a real store, without an engine."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sqlalchemy import update

from docmill.ids import DEFAULT_PROJECT_ID, Prefix, new_id
from docmill.objects.base import ObjectStore
from docmill.objects.local import LocalStore
from docmill.outputs.destinations import FolderDestination
from docmill.outputs.export import Exporter
from docmill.records.database import Database
from docmill.records.projects import Projects
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.batches import Batch, BatchItem, Result
from docmill.records.tables.sources import Directory, DirectoryFile
from tests.outputs.rows import START


class Shelf:
    """Files with outcomes, as a worker would have left them."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'records.db'}", EVERY_PROJECT)
        self.store: ObjectStore = LocalStore(folder / "objects")
        self.out = folder / "out"
        self.directory_id = new_id(Prefix.DIRECTORY)
        self.batch: Batch
        self.illustrated: frozenset[str] = frozenset()
        """Paths whose results have an image."""
        self._rows: list[Any] = []

    async def open(self, total: int) -> None:
        """Make the batch; ``total`` files must be put on it."""
        await self.database.migrate()
        async with self.database.write() as session:
            await Projects(session).ensure_default()
            session.add(
                Directory(
                    id=self.directory_id,
                    project_id=DEFAULT_PROJECT_ID,
                    name="docs",
                    sequence=total,
                    watermark=total,
                    live_count=total,
                )
            )
            self.batch = Batch(
                id=new_id(Prefix.BATCH),
                project_id=DEFAULT_PROJECT_ID,
                name="docs",
                job_type="parse",
                directory_id=self.directory_id,
                watermark=total,
                total=total,
                parameters={},
                parameters_hash="",
                page_size=100,
                continue_as_new_threshold=1000,
                concurrency=10,
                status="RUNNING",
                started_at=START,
            )
            await session.flush()
            session.add(self.batch)

    async def put(self, position: int, path: str, status: str = "completed", **fields: Any) -> None:
        """List a file with its outcome; completed ones get a result."""
        item_id = new_id(Prefix.FILE)
        keys = {"directory_id": self.directory_id, "sequence": position}
        self._rows.append(
            DirectoryFile(
                **keys,
                id=item_id,
                project_id=DEFAULT_PROJECT_ID,
                unique_id=path,
                display_name=path.rpartition("/")[2],
                size=100,
            )
        )
        if status == "completed" or fields.get("skip_reason") == "already_processed":
            fields["result_id"] = await self._result(position, path)
        self._rows.append(
            BatchItem(
                **keys,
                batch_id=self.batch.id,
                position=position,
                item_id=item_id,
                job_id=new_id(Prefix.PARSE_JOB),
                epoch=1,
                status=status,
                path=path,
                size=100,
                attempts=1,
                started_at=START,
                finished_at=START,
                **fields,
            )
        )

    async def write(self) -> None:
        """Write what was put, in an order that foreign keys accept."""
        async with self.database.write() as session:
            for kind in (Result, DirectoryFile, BatchItem):
                session.add_all([row for row in self._rows if isinstance(row, kind)])
                await session.flush()
        self._rows.clear()

    async def settle(self, position: int, path: str) -> None:
        """Give a pending file its result."""
        result_id = await self._result(position, path)
        await self.write()
        async with self.database.write() as session:
            await session.execute(
                update(BatchItem)
                .where(BatchItem.batch_id == self.batch.id, BatchItem.position == position)
                .values(status="completed", result_id=result_id)
            )

    async def redrive(self) -> None:
        """Begin the next execution of the batch."""
        async with self.database.write() as session:
            await session.execute(
                update(Batch).where(Batch.id == self.batch.id).values(epoch=Batch.epoch + 1)
            )

    async def end(self, status: str = "COMPLETED") -> None:
        """Give the batch its end."""
        async with self.database.write() as session:
            await session.execute(
                update(Batch).where(Batch.id == self.batch.id).values(status=status, ended_at=START)
            )

    def exporter(self) -> Exporter:
        """A fresh one, as another run of the command would make."""
        return Exporter(self.database, self.store, self.batch, FolderDestination(self.out))

    def prefix(self, position: int) -> str:
        """Where the result of a file is stored."""
        return f"results/{position}"

    async def _result(self, position: int, path: str) -> str:
        markdown = f"# {path}\n".encode()
        contents = {"document.md": markdown}
        if path in self.illustrated:
            contents["img_p1_1.png"] = path.encode()
        files = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
        pages = [{"page_number": 1, "markdown": f"# {path}"}]
        result = json.dumps({"schema_version": 1, "pages": pages, "files": files}).encode()
        for name, data in contents.items():
            await self.store.put_bytes(f"{self.prefix(position)}/{name}", data)
        await self.store.put_bytes(f"{self.prefix(position)}/result.json", result)
        row = Result(
            id=f"result-{position}",
            project_id=DEFAULT_PROJECT_ID,
            cache_key=f"key-{position}",
            job_type="parse",
            object_prefix=self.prefix(position),
            result_sha256=hashlib.sha256(result).hexdigest(),
            size=len(result),
            engine="none",
            engine_version="1",
            media_type="application/pdf",
            pages_total=1,
            pages_ok=1,
            pages_failed=0,
        )
        self._rows.append(row)
        return row.id
