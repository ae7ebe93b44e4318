"""What items have left at remote engines and in the store: removed when nobody holds the item.

An item can get its outcome while no attempt of it runs: it waits for its next try when its batch
is cancelled, its worker was lost, or the cancel itself could not be delivered. Its saved steps
then say what may still run, and be billed, at the other side, and which slices of a large document
are in the store.
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
"""Between two looks; a look is two short queries."""
LONGEST_PAUSE = 1800.0
"""Between two tries of one cancel; they begin with `EVERY_SECONDS` and double."""
MAX_TRIES = 20
"""More than a quarter of a day of them: then the other side has ended the job by itself."""
ONE_SECONDS = 60.0
"""For one try."""

log = structlog.get_logger(__name__)


class Leftovers:
    """Abandons what ended items have left, for as long as the worker runs."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        remote: Mapping[str, RemoteEngine],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take database and store, this worker's remote engines, and seconds that only grow."""
        self._database = database
        self._store = store
        self._remote = remote
        self._clock = clock
        self._tries: dict[str, int] = {}
        self._due: dict[str, float] = {}

    @asynccontextmanager
    async def sweeping(self) -> AsyncIterator[None]:
        """Look again and again for as long as the block runs."""
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
            except Exception:  # one odd row must not end the sweep of all others
                log.exception("leftovers.unexpected")
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> None:
        """Try once to end everything that is due.

        Raises:
            UnavailableError: the database is away.
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
        if engine is None:  # a local one, of which nothing runs elsewhere
            return True
        try:
            async with asyncio.timeout(ONE_SECONDS):
                return await engine.abandon(left.job_type, left.run_id, steps)
        except TimeoutError:
            return False
