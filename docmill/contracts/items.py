"""Pages of a listing, and the items and groups of them."""

from collections.abc import Sequence
from enum import StrEnum

from docmill.contracts.words import Outcome, Payload, Tally


class PageRequest(Payload):
    """Argument of ``next_page``.

    Attributes:
        after: position behind which the page starts.
        limit: items at most.
        count_after: `Page.settled` counts only positions behind this one; a run that stopped in
            the middle of a page fetches its rest again without counting it twice.
        unfinished_only: a sweep: only items that have no outcome yet.
        group_up_to: items of one group at most; 1 asks for no groups.
    """

    batch_id: str
    epoch: int
    after: int
    limit: int
    count_after: int = 0
    unfinished_only: bool = False
    group_up_to: int = 1


MAX_SHOWN_NAME = 80
"""Characters of a name in a page: it is repeated in workflow history."""


def shown_name(name: str) -> str:
    """Return a file's name, cut for people."""
    return name[:MAX_SHOWN_NAME]


class ItemRef(Payload):
    """One item of a page: its place in the listing, and its name cut for people."""

    position: int
    name: str

    @classmethod
    def of(cls, position: int, name: str) -> "ItemRef":
        """Return the reference of an item whose name may be long."""
        return cls(position=position, name=shown_name(name))

    @property
    def positions(self) -> tuple[int, ...]:
        """The one position, as a group has several."""
        return (self.position,)


class ItemGroup(Payload):
    """Small items of a page that share one activity.

    Attributes:
        positions: in listing order; others may lie between them.
        first: name of the first one, cut for people.
        last: name of the last one, likewise.
    """

    positions: tuple[int, ...]
    first: str
    last: str

    @property
    def name(self) -> str:
        """What people see of the group."""
        return f"{self.first} … {self.last} ({len(self.positions)} files)"


class Page(Payload):
    """The next range of the frozen listing.

    Attributes:
        items: those that need an activity of their own.
        groups: those that share one.
        cursor: position of the last listed item of this range.
        more: whether the listing goes on behind ``cursor``.
        settled: outcomes of items of this range that needed no activity: unchanged since they
            were last processed, or already finished before a restart.
    """

    items: tuple[ItemRef, ...] = ()
    groups: tuple[ItemGroup, ...] = ()
    cursor: int
    more: bool
    settled: Tally = Tally()

    @property
    def activities(self) -> Sequence[ItemRef | ItemGroup]:
        """Items and groups, each in the place of its first position."""
        if not self.groups:
            return self.items
        return sorted((*self.items, *self.groups), key=lambda one: one.positions[0])


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


class GroupTask(Payload):
    """Argument of ``process_group``: ids only.

    Attributes:
        positions: of the items, in listing order.
        planned_concurrency: how many activities might be in flight when this one was planned.
    """

    batch_id: str
    epoch: int
    positions: tuple[int, ...]
    planned_concurrency: int


class LeftReason(StrEnum):
    """Why a group left items without an outcome."""

    HELD = "held"
    """Their batch is paused, ends, or has more in flight than it may."""
    OUT_OF_TIME = "out_of_time"
    """The worker stops, or the group ran for as long as one may."""
    BUSY = "busy"
    """The same bytes are being processed elsewhere, or no engine was free."""


class GroupResult(Payload):
    """Answer of ``process_group``: what came of each item.

    Attributes:
        settled: outcomes of those that have one now.
        alone: those that need an activity of their own: they failed, or took too long.
        left: those that are to be planned again, in listing order.
        reason: why they were left.
    """

    settled: Tally = Tally()
    alone: tuple[ItemRef, ...] = ()
    left: tuple[int, ...] = ()
    reason: LeftReason | None = None


class PagesRead(Payload):
    """In the heartbeats of ``process_item``: how far it is with a large document.

    Attributes:
        pages_done: pages that are read, and recognised where they have to be.
        pages_total: all pages that were asked for.
    """

    pages_done: int
    pages_total: int


class LostItem(Payload):
    """Argument of ``record_lost_item``: an item that Temporal gave up."""

    batch_id: str
    epoch: int
    position: int
    failure_class: str
    message: str
