"""Payloads for pages of a listing, for items and for groups of items."""

from collections.abc import Sequence
from enum import StrEnum

from docmill.contracts.words import Outcome, Payload, Tally


class PageRequest(Payload):
    """Argument of ``next_page``.

    Attributes:
        after: the page starts after this position.
        limit: maximum items.
        count_after: `Page.settled` counts only positions after this one. A run that stopped in
            the middle of a page fetches the rest again without counting it twice.
        unfinished_only: only items without an outcome (in a sweep or redrive).
        group_up_to: maximum items of one group; 1 means no groups.
    """

    batch_id: str
    epoch: int
    after: int
    limit: int
    count_after: int = 0
    unfinished_only: bool = False
    group_up_to: int = 1


MAX_SHOWN_NAME = 80
"""Maximum characters of a name in a page, because it is in the workflow history."""


def shown_name(name: str) -> str:
    """Return a file name, shortened for display."""
    return name[:MAX_SHOWN_NAME]


class ItemRef(Payload):
    """One item of a page: its position in the listing, and its shortened name."""

    position: int
    name: str

    @classmethod
    def of(cls, position: int, name: str) -> "ItemRef":
        """Return the reference of an item; a long name is shortened."""
        return cls(position=position, name=shown_name(name))

    @property
    def positions(self) -> tuple[int, ...]:
        """The position as a tuple, as for a group."""
        return (self.position,)


class ItemGroup(Payload):
    """Small items of a page that share one activity.

    Attributes:
        positions: in listing order, not necessarily consecutive.
        first: shortened name of the first item.
        last: shortened name of the last item.
    """

    positions: tuple[int, ...]
    first: str
    last: str

    @property
    def name(self) -> str:
        """The display name of the group."""
        return f"{self.first} … {self.last} ({len(self.positions)} files)"


class Page(Payload):
    """The next range of the frozen listing.

    Attributes:
        items: those with an activity of their own.
        groups: those that share an activity.
        cursor: position of the last listed item of this range.
        more: whether the listing continues after ``cursor``.
        settled: outcomes of items of this range that need no activity: unchanged since they
            were last processed, or already finished before a restart.
    """

    items: tuple[ItemRef, ...] = ()
    groups: tuple[ItemGroup, ...] = ()
    cursor: int
    more: bool
    settled: Tally = Tally()

    @property
    def activities(self) -> Sequence[ItemRef | ItemGroup]:
        """Items and groups, ordered by their first position."""
        if not self.groups:
            return self.items
        return sorted((*self.items, *self.groups), key=lambda one: one.positions[0])


class ItemTask(Payload):
    """Argument of ``process_item``: ids only; everything else is in the ledger.

    Attributes:
        planned_concurrency: the concurrency when the activity was scheduled. None if the workflow
            is of a version that does not support `ItemResult.left`.
    """

    batch_id: str
    epoch: int
    position: int
    planned_concurrency: int | None = None


class ItemResult(Payload):
    """Answer of ``process_item``. Failures arrive as `ApplicationError` instead.

    Attributes:
        outcome: of the item; CANCELLED if ``left``. A workflow of an older version, which ignores
            ``left``, finds the item without an outcome when it closes, and runs it.
        left: the item was not started and has no outcome, because its batch is paused, is
            ending, or has more items in flight than its concurrency.
    """

    outcome: Outcome
    left: bool = False


class GroupTask(Payload):
    """Argument of ``process_group``: ids only.

    Attributes:
        positions: of the items, in listing order.
        planned_concurrency: the concurrency when the activity was scheduled.
    """

    batch_id: str
    epoch: int
    positions: tuple[int, ...]
    planned_concurrency: int


class LeftReason(StrEnum):
    """Why a group returns items without an outcome."""

    HELD = "held"
    """The batch is paused, is ending, or has more in flight than its concurrency."""
    OUT_OF_TIME = "out_of_time"
    """The worker is stopping, or the time of the group is over."""
    BUSY = "busy"
    """The same bytes are being processed by another activity, or no engine was free."""


class GroupResult(Payload):
    """Answer of ``process_group``.

    Attributes:
        settled: outcomes of items that have one.
        alone: items that need an activity of their own: they failed, or took too long.
        left: items to schedule again, in listing order.
        reason: of ``left``.
    """

    settled: Tally = Tally()
    alone: tuple[ItemRef, ...] = ()
    left: tuple[int, ...] = ()
    reason: LeftReason | None = None


class PagesRead(Payload):
    """Heartbeat details of ``process_item``: its progress on a large document.

    Attributes:
        pages_done: pages that are read, including their OCR.
        pages_total: all requested pages.
    """

    pages_done: int
    pages_total: int


class LostItem(Payload):
    """Argument of ``record_lost_item``: an item whose activity Temporal no longer retries."""

    batch_id: str
    epoch: int
    position: int
    failure_class: str
    message: str
