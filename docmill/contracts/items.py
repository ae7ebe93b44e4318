"""Pages of a listing, and the items of them."""

from docmill.contracts.words import Outcome, Payload, Tally


class PageRequest(Payload):
    """Argument of ``next_page``.

    Attributes:
        after: position behind which the page starts.
        limit: items at most.
        count_after: `Page.settled` counts only positions behind this one; a run that stopped in
            the middle of a page fetches its rest again without counting it twice.
        unfinished_only: a sweep: only items that have no outcome yet.
    """

    batch_id: str
    epoch: int
    after: int
    limit: int
    count_after: int = 0
    unfinished_only: bool = False


class ItemRef(Payload):
    """One item of a page: its place in the listing, and its name cut for people."""

    position: int
    name: str


class Page(Payload):
    """The next range of the frozen listing.

    Attributes:
        items: those that need an activity.
        cursor: position of the last listed item of this range.
        more: whether the listing goes on behind ``cursor``.
        settled: outcomes of items of this range that needed no activity: unchanged since they
            were last processed, or already finished before a restart.
    """

    items: tuple[ItemRef, ...] = ()
    cursor: int
    more: bool
    settled: Tally = Tally()


class ItemTask(Payload):
    """Argument of ``process_item``: ids only; everything else is in the ledger.

    Attributes:
        planned_concurrency: how many items might be in flight when this one was planned. None:
            the workflow is of a version that does not understand `ItemResult.left`.
    """

    batch_id: str
    epoch: int
    position: int
    planned_concurrency: int | None = None


class ItemResult(Payload):
    """Answer of ``process_item``. Failures arrive as `ApplicationError` instead.

    Attributes:
        outcome: of the item. Of one that was left it is CANCELLED: should a workflow of an older
            version read it after all, its close finds the item without an outcome and runs it.
        left: whether the item was not begun, and has no outcome: its batch is paused, ends, or
            has more items in flight than it may.
    """

    outcome: Outcome
    left: bool = False


class LostItem(Payload):
    """Argument of ``record_lost_item``: an item that Temporal gave up."""

    batch_id: str
    epoch: int
    position: int
    failure_class: str
    message: str
