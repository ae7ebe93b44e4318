"""Following a batch: Temporal reports its end, without polling."""

import asyncio
from pathlib import Path

import pytest

from docmill.cli import follow as follow_module
from docmill.cli.console import Console
from docmill.cli.follow import follow
from docmill.cli.progress import PlainView
from docmill.client import BatchClient
from docmill.errors import NotFoundError
from docmill.ids import Prefix, new_id
from tests.fixtures.mill import Mill, write_texts


async def test_end_of_a_batch_is_seen_without_polling(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_module, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(follow_module, "RECONCILE_SECONDS", 3600.0)
    batch = await small_mill.start(write_texts(tmp_path / "in", 3))
    console = Console(as_json=False)
    with PlainView(console) as view:
        watching = asyncio.create_task(
            follow(small_mill.database, small_mill.service, batch, view, console=console)
        )
        async with small_mill.worker():
            ended = await watching

    assert (ended.state, ended.tally.completed) == ("completed", 3)


async def test_watch_ends_when_its_batch_was_terminated(
    small_mill: Mill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_module, "RECONCILE_SECONDS", 3600.0)
    batch = await small_mill.start(write_texts(tmp_path / "in", 3))
    console = Console(as_json=False)
    with PlainView(console) as view:
        watching = asyncio.create_task(
            follow(small_mill.database, small_mill.service, batch, view, console=console)
        )
        await small_mill.temporal.get_workflow_handle(batch.id).terminate("enough")
        ended = await watching

    assert (ended.state, ended.batch.reason) == ("cancelled", "terminated through Temporal")


async def test_watch_of_a_batch_without_a_workflow_does_not_wait(small_mill: Mill) -> None:
    with pytest.raises(NotFoundError):
        await BatchClient(small_mill.temporal).ended(new_id(Prefix.BATCH))
