"""Deletes a project with all that it owns: rows, stored objects, and histories in Temporal."""

import asyncio

from docmill.contracts.access import Actor
from docmill.engines.choice import LOCAL_ENGINES
from docmill.errors import ConflictError
from docmill.objects.base import ObjectStore
from docmill.objects.results import delete_result
from docmill.records.database import Database
from docmill.records.deletion import (
    batches_of,
    delete_rows,
    engines_of,
    objects_outside,
    open_batches,
)
from docmill.records.deliveries import Deliveries
from docmill.records.projects import Projects
from docmill.records.steps import left_over
from docmill.upkeep.histories import OpenLink, delete_histories

SETTLE_SECONDS = 6.0
"""Time that deletion waits after the project's keys were disabled: API processes may use a cached
key for five seconds, and batches that they create then must be found."""


async def delete_project(
    database: Database,
    store: ObjectStore,
    project_id: str,
    *,
    histories: OpenLink | None,
    actor: Actor | None = None,
    settle: float = SETTLE_SECONDS,
) -> None:
    """Delete a project and all its data; an interrupted deletion can be continued.

    The first step disables its keys. Histories and objects are deleted before the rows that name
    them. The audit
    log is kept, because it contains only ids.

    Args:
        database: of all projects.
        store: of its objects.
        project_id: which project.
        histories: connects to Temporal, to delete the histories of its workflows; None keeps them.
        actor: who deletes it, for the audit log.
        settle: seconds until no API process accepts its keys any more.

    Raises:
        NotFoundError: the project does not exist.
        ConflictError: it is the default project, one of its batches has not ended, or jobs at
            remote engines are not cancelled yet.
        UnavailableError: the database, the store or Temporal is unavailable.
    """
    own = database.scoped(project_id)
    async with database.read() as session:
        await Projects(session).get(project_id, include_deleted=True)
    await _check_ended(own)
    async with database.scoped(project_id, actor).write() as session:
        await Projects(session).begin_deletion(project_id)
    await asyncio.sleep(settle)
    await _check_ended(own)
    async with own.write() as session:  # a worker starts the workflows of waiting events again
        await Deliveries(session).drop_all()
    if histories is not None:
        await delete_histories(own, histories)
    await _delete_objects(own, store, project_id)
    await delete_rows(own)


async def _check_ended(own: Database) -> None:
    async with own.read() as session:
        open_ = await open_batches(session)
    if open_:
        raise ConflictError(
            f"{open_} batches of this project have not ended.",
            "Cancel them or let them end, and delete it then.",
        )
    if jobs := await left_over(own, await engines_of(own) - LOCAL_ENGINES):
        raise ConflictError(
            f"{len(jobs)} files have jobs at remote engines that are not cancelled yet.",
            "A worker with these engines cancels them; let one run, and delete it then.",
        )


async def _delete_objects(own: Database, store: ObjectStore, project_id: str) -> None:
    below = (f"files/{project_id}", f"results/{project_id}")
    files, results = await objects_outside(own, [f"{prefix}/" for prefix in below])
    for key in files:
        await store.delete(key)
    for prefix in results:
        await delete_result(store, prefix)
    async for batch_id in batches_of(own):
        await store.delete_below(f"batches/{batch_id}")
    for prefix in below:
        await store.delete_below(prefix)
