"""Removal of leftovers: remote jobs, uploads and stored slices of items that have ended.

An item can get its outcome while none of its attempts runs: it waited for a retry when its batch
was cancelled, its worker was lost, or the cancel could not be delivered. Its saved steps then name
the remote job, which may still run and be billed, and the stored slices of a large document.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

from docmill.engines.choice import LOCAL_ENGINES
from docmill.errors import UnavailableError
from docmill.objects.base import ObjectStore
from docmill.processing.slices import remove_slices
from docmill.records.database import Database
from docmill.records.steps import Leftover, Steps, left_over
from docmill.remote.base import RemoteEngine

EVERY_SECONDS = 5.0
"""Interval of the sweeps; a sweep is two short queries."""
LONGEST_PAUSE = 1800.0
"""Maximum pause between two tries of one cancel; it starts at `EVERY_SECONDS` and doubles."""
MAX_TRIES = 20
"""Maximum tries, over more than six hours: by then the remote engine has ended the job."""
ONE_SECONDS = 60.0
"""Time limit of one try."""

log = structlog.get_logger(__name__)


class Leftovers:
    """Removes the leftovers of ended items while the worker runs."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        remote: Mapping[str, RemoteEngine],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create it for this worker's remote engines; ``clock`` is a monotonic clock in seconds."""
        self._database = database
        self._store = store
        self._remote = remote
        self._clock = clock
        self._tries: dict[str, int] = {}
        self._due: dict[str, float] = {}

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Sweep periodically during the block."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except UnavailableError as error:
                log.warning("leftovers.waiting", reason=error.message)
            except Exception:  # one bad row must not end the sweeps
                log.exception("leftovers.unexpected")
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> None:
        """Try once to remove all leftovers that are due.

        Raises:
            UnavailableError: the database is unavailable.
        """
        for left in await left_over(self._database, {*self._remote, *LOCAL_ENGINES}):
            if self._clock() >= self._due.get(left.run_id, 0.0):
                await self._end(left)

    async def _end(self, left: Leftover) -> None:
        tries = self._tries.get(left.run_id, 0) + 1
        steps = Steps(self._database, left.run_id)
        abandoned = await self._abandoned(left, steps)
        if not abandoned and tries < MAX_TRIES:
            self._tries[left.run_id] = tries
            pause = min(EVERY_SECONDS * 2 ** (tries - 1), LONGEST_PAUSE)
            self._due[left.run_id] = self._clock() + pause
            return
        if not abandoned:
            log.warning("remote.not_cancelled", run_id=left.run_id, engine=left.engine)
        await remove_slices(self._store, steps)
        self._tries.pop(left.run_id, None)
        self._due.pop(left.run_id, None)

    async def _abandoned(self, left: Leftover, steps: Steps) -> bool:
        engine = self._remote.get(left.engine)
        if engine is None:  # a local engine, which has no remote job
            return True
        try:
            async with asyncio.timeout(ONE_SECONDS):
                return await engine.abandon(left.job_type, left.run_id, steps)
        except TimeoutError:
            return False
