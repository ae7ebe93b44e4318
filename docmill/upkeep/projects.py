"""Deletes a project with all that it owns: rows, stored objects, and histories in Temporal."""

import asyncio
from collections.abc import Sequence

from docmill.contracts.access import Actor
from docmill.engines.choice import LOCAL_ENGINES
from docmill.errors import ConflictError
from docmill.objects.base import ObjectStore
from docmill.objects.results import delete_result
from docmill.records.audit import MAX_OBJECTS, Audit, log_change
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
from docmill.records.statements import chunked
from docmill.records.steps import Leftover, left_over
from docmill.upkeep.histories import OpenLink, delete_histories

ABANDONED = "abandon_remote_jobs"
"""Action of the audit log: jobs at remote engines were not cancelled."""
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
    abandon_jobs: bool = False,
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
        abandon_jobs: delete it although jobs at remote engines are not cancelled. They are named in
            the audit log, because nothing else knows them afterwards.
        settle: seconds until no API process accepts its keys any more.

    Raises:
        NotFoundError: the project does not exist.
        ConflictError: it is the default project, one of its batches has not ended, or jobs at
            remote engines are not cancelled yet and ``abandon_jobs`` is not set.
        UnavailableError: the database, the store or Temporal is unavailable.
    """
    own = database.scoped(project_id)
    async with database.read() as session:
        await Projects(session).get(project_id, include_deleted=True)
    await _check_ended(own, abandon_jobs=abandon_jobs)
    async with database.scoped(project_id, actor).write() as session:
        await Projects(session).begin_deletion(project_id)
    await asyncio.sleep(settle)
    if jobs := await _check_ended(own, abandon_jobs=abandon_jobs):
        await _record_abandoned(database, project_id, jobs, actor)
    async with own.write() as session:  # a worker starts the workflows of waiting events again
        await Deliveries(session).drop_all()
    if histories is not None:
        await delete_histories(own, histories)
    await _delete_objects(own, store, project_id)
    await delete_rows(own)


async def _check_ended(own: Database, *, abandon_jobs: bool) -> list[Leftover]:
    """Return the runs whose remote jobs are not cancelled, if these may be abandoned."""
    async with own.read() as session:
        open_ = await open_batches(session)
    if open_:
        raise ConflictError(
            f"{open_} batches of this project have not ended.",
            "Cancel them or let them end, and delete it then.",
        )
    jobs = await left_over(own, await engines_of(own) - LOCAL_ENGINES)
    if jobs and not abandon_jobs:
        raise ConflictError(
            f"{len(jobs)} files have jobs at remote engines that are not cancelled yet.",
            "A worker with these engines cancels them; let one run, and delete it then. If there "
            "is none any more, --abandon-remote-jobs deletes it all the same.",
        )
    return jobs


async def _record_abandoned(
    database: Database, project_id: str, jobs: Sequence[Leftover], actor: Actor | None
) -> None:
    """Record what may stay at remote services."""
    who = actor.name if actor else "unknown"
    for some in chunked(jobs, MAX_OBJECTS):
        # The service has the run's id, as `external_file_id` of the upload.
        objects = [f"{left.engine}:{left.run_id}" for left in some]
        async with database.write() as session:
            done = await Audit(session).record(project_id, Actor(who, ABANDONED), objects)
        log_change(done)


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
