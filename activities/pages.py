"""Activity for the pages of a frozen listing."""

from collections.abc import Callable
from functools import partial
from time import monotonic

from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.contracts.items import Page, PageRequest
from docmill.contracts.names import NEXT_PAGE
from docmill.contracts.words import JobType
from docmill.parameters import cache_key
from docmill.processing.groups import GroupPlanner, ItemCosts
from docmill.records.batches import Batches
from docmill.records.database import Database
from docmill.records.pages import ListingPages

KNOWN_SECONDS = 1.0
"""Time after which a page is returned though nothing in it has to be processed. Short enough that a
pause or a cancel of the batch takes effect soon."""


class ListingActivities:
    """Returns pages of a batch's listing as references, and writes their ledger rows."""

    def __init__(
        self,
        database: Database,
        suite_version: Callable[[str, str, str], str],
        costs: ItemCosts,
    ) -> None:
        """Create the activities.

        Args:
            database: the records.
            suite_version: returns the version of this worker's engines by product, engine and file.
            costs: measured costs of this worker's engines.
        """
        self._database = database
        self._suite_version = suite_version
        self._costs = costs

    @activity.defn(name=NEXT_PAGE)
    @translated
    async def next_page(self, request: PageRequest) -> Page:
        """Return the page after ``request.after``, with the pages before it that need no activity.

        Known items are settled for up to `KNOWN_SECONDS`, one transaction a page, because every
        answer costs a workflow task. A repeated call returns what the first one left to do.
        """
        ends = monotonic() + KNOWN_SECONDS
        async with heartbeating():
            page = await self._page(request)
            while page.more and not page.activities and monotonic() < ends:
                later = await self._page(request.model_copy(update={"after": page.cursor}))
                settled = page.settled.merged(later.settled)
                page = later.model_copy(update={"settled": settled})
        return page

    async def _page(self, request: PageRequest) -> Page:
        async with self._database.write() as session:
            batch = await Batches(session).get(None, request.batch_id)

            def key_of(sha256: str, path: str) -> str:
                return cache_key(
                    JobType(batch.job_type),
                    sha256,
                    batch.parameters_hash,
                    self._suite_version(batch.job_type, batch.engine, path),
                )

            if request.group_up_to == 1:
                return await ListingPages(session).next_page(batch, request, key_of)
            planner = GroupPlanner(self._costs, batch.id, batch.parameters)
            plan = partial(planner.plan, request.group_up_to)
            return await ListingPages(session).next_page(batch, request, key_of, plan)
