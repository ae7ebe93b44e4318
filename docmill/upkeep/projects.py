"""Deletes a project with everything that it owns: rows and stored objects."""

import asyncio

from docmill.errors import ConflictError
from docmill.objects.base import ObjectStore
from docmill.objects.results import delete_result
from docmill.records.database import Database
from docmill.records.deletion import batches_of, delete_rows, objects_outside, open_batches
from docmill.records.projects import Projects

SETTLE_SECONDS = 6.0
"""How long deletion waits once the project's keys are refused: API processes may go on for five
seconds with what they have read of a key, and a create that was admitted then must be seen."""


async def delete_project(
    database: Database, store: ObjectStore, project_id: str, *, settle: float = SETTLE_SECONDS
) -> None:
    """Delete a project and all that it owns; an interrupted deletion goes on where it stopped.

    From the first step on its keys are refused. Objects go before the rows that name them. The
    audit log stays: it holds ids and no data.

    Args:
        database: of every project.
        store: where its objects are.
        project_id: which.
        settle: seconds until no API process serves its keys any more.

    Raises:
        NotFoundError: there is no such project.
        ConflictError: it is the default one, or a batch of it has not ended.
        UnavailableError: database or store are away.
    """
    own = database.scoped(project_id)
    async with database.read() as session:
        await Projects(session).get(project_id, include_deleted=True)
    await _check_ended(own)
    async with database.write() as session:
        await Projects(session).begin_deletion(project_id)
    await asyncio.sleep(settle)
    await _check_ended(own)
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
