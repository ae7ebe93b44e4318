"""Projects, directories, files, configurations and results are found only in their project."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from docmill.errors import ConflictError, NotFoundError
from docmill.records.configurations import Configurations
from docmill.records.database import Database
from docmill.records.directories import Directories
from docmill.records.files import Files
from docmill.records.projects import Projects
from docmill.records.results import Results
from docmill.records.tables.sources import Configuration, Directory
from tests.records.making import (
    PROJECT,
    batch_over,
    complete,
    file_row,
    page,
    scanned,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


async def test_default_project_is_created_once(database: Database) -> None:
    async def ensure() -> str:
        async with database.write() as session:
            return (await Projects(session).ensure_default()).id

    assert set(await asyncio.gather(*(ensure() for _ in range(5)))) == {PROJECT}
    async with database.read() as session:
        assert [p.id for p in (await Projects(session).list(name="Default")).items] == [PROJECT]
        assert not (await Projects(session).list(organization_id="none")).items
        with pytest.raises(NotFoundError):
            await Projects(session).get("prj-none")


async def test_directory_is_created_changed_and_hidden(database: Database) -> None:
    async with database.write() as session:
        directories = Directories(session)
        made = await directories.create(PROJECT, "in", id="dir-1", description="d")
        assert (await directories.create(PROJECT, "again", id="dir-1")).name == "in"
        changed = await directories.update(PROJECT, made.id, name="renamed")
        assert (changed.name, changed.description) == ("renamed", "d")
        await directories.delete(PROJECT, made.id)
        with pytest.raises(NotFoundError):
            await directories.get(PROJECT, made.id)
        assert (await directories.get(PROJECT, made.id, include_deleted=True)).deleted_at


async def test_concurrent_requests_for_one_source_create_one_directory(database: Database) -> None:
    async def find() -> Directory:
        async with database.write() as session:
            source = {"folder": "/in", "recursive": True}
            return await Directories(session).find_or_create_source(PROJECT, "in", source)

    assert (
        len({directory.id for directory in await asyncio.gather(*(find() for _ in range(6)))}) == 1
    )


async def test_directories_are_filtered(database: Database) -> None:
    async with database.write() as session:
        directories = Directories(session)
        await directories.create(PROJECT, "a", type="ephemeral")
        gone = await directories.create(PROJECT, "b")
        await directories.delete(PROJECT, gone.id)

        async def names(**filters: Any) -> list[str]:
            found = (await directories.list(PROJECT, **filters)).items
            return sorted(directory.name for directory in found)

        assert await names() == ["a"]
        assert await names(include_deleted=True) == ["a", "b"]
        assert await names(types=["user"]) == []
        assert await names(types=["user", "ephemeral"], name="a") == ["a"]


async def test_files_are_found_by_bytes_and_by_filters(database: Database) -> None:
    async with database.write() as session:
        files = Files(session)
        first, _ = await files.create(file_row("a", "s", created_at=START, purpose="parse"))
        second, _ = await files.create(file_row("b", "s", external_file_id="x"))
        assert await files.create(file_row("z", id=first.id)) == (first, False)
        assert await files.find_by_sha(PROJECT, "s") is first
        assert await files.find_by_sha(PROJECT, "t") is None

        async def names(**filters: Any) -> list[str]:
            return [file.name for file in (await files.list(PROJECT, **filters)).items]

        assert await names() == ["b", "a"]
        assert await names(name="a", purpose="parse") == ["a"]
        assert await names(external_file_id="x") == ["b"]
        assert await names(file_ids=[first.id]) == ["a"]
        await files.delete(PROJECT, first.id)
        assert await names() == ["b"]
        assert await files.find_by_sha(PROJECT, "s") is second
        with pytest.raises(NotFoundError):
            await files.get(PROJECT, first.id)


async def test_configuration_keeps_its_id_and_older_versions(database: Database) -> None:
    async with database.write() as session:
        configurations = Configurations(session)
        first = await configurations.upsert(PROJECT, "c", "parse_v2", {"tier": "fast"})
        version = first.version
        same = await configurations.upsert(PROJECT, "c", "parse_v2", {"tier": "fast"})
        assert (same.id, same.version) == (first.id, version)
        changed = await configurations.upsert(PROJECT, "c", "parse_v2", {"tier": "agentic"})
        assert changed.id == first.id
        assert datetime.fromisoformat(changed.version) > datetime.fromisoformat(version)
        renamed = await configurations.update(PROJECT, first.id, name="d")
        assert (renamed.name, renamed.parameters) == ("d", {"tier": "agentic"})
        kept = [(v.name, v.parameters["tier"]) for v in await configurations.versions(first.id)]
        assert kept == [("c", "fast"), ("c", "agentic"), ("d", "agentic")]
        await configurations.delete(PROJECT, first.id)
        assert await configurations.versions(first.id) == []
        with pytest.raises(NotFoundError):
            await configurations.get(PROJECT, first.id)


async def test_racing_upserts_create_one_configuration(database: Database) -> None:
    async def upsert(number: int) -> Configuration:
        async with database.write() as session:
            return await Configurations(session).upsert(PROJECT, "c", "parse_v2", {"n": number})

    assert len({c.id for c in await asyncio.gather(*map(upsert, range(6)))}) == 1


async def test_two_configurations_of_a_product_cannot_share_a_name(database: Database) -> None:
    async with database.write() as session:
        configurations = Configurations(session)
        await configurations.upsert(PROJECT, "a", "parse_v2", {})
        other = await configurations.upsert(PROJECT, "b", "parse_v2", {})
        await configurations.upsert(PROJECT, "b", "extract_v2", {})
        with pytest.raises(ConflictError, match="is named a"):
            await configurations.update(PROJECT, other.id, name="a")
        found = await configurations.list(PROJECT, product_types=["extract_v2"])
        assert [c.product_type for c in found.items] == ["extract_v2"]
        assert len((await configurations.list(PROJECT, name="b")).items) == 2


async def test_item_history_names_every_result_of_the_item(
    database: Database,
) -> None:
    directory = await scanned(database, 1)
    first = await batch_over(database, directory, parameters_hash="one")
    await page(database, first)
    item = await complete(database, first, 1, "aa")
    again = await batch_over(database, directory, parameters_hash="two")
    await page(database, again)
    async with database.read() as session:
        results = Results(session)
        history = await results.of_item(PROJECT, item.item_id)
        assert await results.of_item(PROJECT, item.item_id, job_type="classify") == []
        assert await results.of_item("prj-other", item.item_id) == []
        stored = await results.get(history[0].result_id)
        with pytest.raises(NotFoundError):
            await results.get("res-none")
    assert [made.parameters_hash for made in history] == ["two", "one"]
    assert {made.object_prefix for made in history} == {stored.object_prefix}
