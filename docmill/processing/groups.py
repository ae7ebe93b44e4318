"""Planning of groups: small items of a page that share an activity."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import splitext
from typing import Any, Protocol

from docmill.contracts.items import ItemGroup, ItemRef, shown_name
from docmill.contracts.media_types import EXTENSIONS

GROUP_SECONDS = 1.0
"""Engine time of one group. Short enough that pauses, drains and worker shutdowns take effect soon,
long enough that the cost of an activity (about 10 ms) does not matter."""

SHORTEST_GROUP_SECONDS = 0.1
"""Minimum at the end of a listing, where groups become shorter so that all child processes end
together. Below it, an activity costs more than that gains."""

SHARES = 16
"""Minimum number of groups for the remainder of a listing."""

LONGEST_ITEM_SECONDS = 0.25
"""Longer items gain nothing from a group, and delay the others."""

LARGEST_ITEM_BYTES = 4_000_000
"""Larger items stay alone, because their type does not predict their cost."""

SMALLEST_SAMPLE = 4
"""Processed files of a type from which a batch's measurements count."""

_MEASURED_BATCHES = 256
"""Batches whose measurements a worker keeps."""


@dataclass(frozen=True, slots=True)
class _Expectation:
    """Expected engine time of a file: ``seconds`` plus ``per_megabyte``."""

    seconds: float
    per_megabyte: float
    largest: float = LARGEST_ITEM_BYTES


_TEXT = _Expectation(0.003, 0.5)
_OFFICE = _Expectation(0.04, 0.5)
_PDF = _Expectation(0.02, 0.03)
_PDF_WITH_OCR = _Expectation(0.03, 0.03, largest=200_000)
"""Larger files may be scans, whose OCR takes about a second per page."""


_OFFICE_TYPES = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/rtf",
)


class Listed(Protocol):
    """Properties of a listed item; see `docmill.records.listing.Listed`."""

    @property
    def position(self) -> int:
        """Position in the listing."""

    @property
    def name(self) -> str:
        """Display name."""

    @property
    def path(self) -> str:
        """Path; its extension indicates the type."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    @property
    def by_url(self) -> bool:
        """Whether its bytes come from a URL."""

    @property
    def alone(self) -> bool | None:
        """Whether it needs a separate activity."""


class ItemCosts:
    """Measured engine times of the files of each batch: means by extension, in memory."""

    def __init__(self) -> None:
        self._batches: OrderedDict[str, dict[str, tuple[int, float]]] = OrderedDict()

    def note(self, batch_id: str, path: str, seconds: float) -> None:
        """Add the engine time of one file."""
        means = self._batches.setdefault(batch_id, {})
        count, mean = means.get(ending := _ending(path), (0, 0.0))
        means[ending] = (count + 1, mean + (seconds - mean) / (count + 1))
        self._batches.move_to_end(batch_id)
        if len(self._batches) > _MEASURED_BATCHES:
            self._batches.popitem(last=False)

    def mean(self, batch_id: str, path: str) -> float | None:
        """Return a batch's mean for the extension of ``path``; None below the minimum sample."""
        count, mean = self._batches.get(batch_id, {}).get(_ending(path), (0, 0.0))
        return mean if count >= SMALLEST_SAMPLE else None


class GroupPlanner:
    """Plans the groups of one batch's pages."""

    def __init__(self, costs: ItemCosts, batch_id: str, parameters: Mapping[str, Any]) -> None:
        """Create a planner. The parameters decide whether OCR may run."""
        self._costs = costs
        self._batch_id = batch_id
        with_ocr = parameters.get("tier", parameters.get("parse_tier")) != "fast"
        self._pdf = _PDF_WITH_OCR if with_ocr else _PDF

    def plan(
        self, group_up_to: int, items: Sequence[Listed], last_page: bool
    ) -> tuple[tuple[ItemRef, ...], tuple[ItemGroup, ...]]:
        """Divide items into single items and groups.

        Args:
            group_up_to: maximum size of a group.
            items: items of the page that need an activity, in listing order.
            last_page: whether it is the last page of the listing.
        """
        seconds = {item.position: self.expected(item) for item in items}
        alone = [
            ItemRef.of(item.position, item.name) for item in items if seconds[item.position] is None
        ]
        small = [(item, cost) for item in items if (cost := seconds[item.position]) is not None]
        rest = sum(cost for _, cost in small)
        groups: list[ItemGroup] = []
        members: list[Listed] = []
        work = 0.0
        for item, cost in small:
            members.append(item)
            work += cost
            full = max(rest / SHARES, SHORTEST_GROUP_SECONDS) if last_page else GROUP_SECONDS
            if len(members) == group_up_to or work >= min(full, GROUP_SECONDS):
                groups.append(_group(members))
                rest -= work
                members, work = [], 0.0
        if members:
            groups.append(_group(members))
        return tuple(alone), tuple(groups)

    def expected(self, item: Listed) -> float | None:
        """Return the expected engine time in seconds; None if the item stays alone."""
        if item.alone or item.by_url:
            return None
        seconds = self._costs.mean(self._batch_id, item.path)
        if seconds is None:
            seconds = self._by_type(item)
        return seconds if seconds is not None and seconds <= LONGEST_ITEM_SECONDS else None

    def _by_type(self, item: Listed) -> float | None:
        media_type = EXTENSIONS.get(_ending(item.path), "")
        if media_type.startswith("text/"):
            usual = _TEXT
        elif media_type == "application/pdf":
            usual = self._pdf
        elif media_type.startswith(_OFFICE_TYPES):
            usual = _OFFICE
        else:
            return None
        if item.size > usual.largest:
            return None
        return usual.seconds + usual.per_megabyte * item.size / 1e6


def _ending(path: str) -> str:
    return splitext(path)[1].lower()


def _group(members: Sequence[Listed]) -> ItemGroup:
    return ItemGroup(
        positions=tuple(item.position for item in members),
        first=shown_name(members[0].name),
        last=shown_name(members[-1].name),
    )
