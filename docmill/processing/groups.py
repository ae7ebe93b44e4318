"""Which small items of a page share an activity, by the work that they are expected to be."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol

from docmill.contracts.items import ItemGroup, ItemRef, shown_name
from docmill.contracts.media_types import EXTENSIONS

GROUP_SECONDS = 1.0
"""Of engine time in one group: short enough that a pause, a drain and a worker that stops find its
end soon, long enough that an activity's own cost (about 10 ms) does not count."""

SHORTEST_GROUP_SECONDS = 0.1
"""At the end of a listing groups become shorter, so that all children end together; below this, an
activity costs more than it evens out."""

SHARES = 16
"""Groups that the rest of a listing is cut into, at least."""

LONGEST_ITEM_SECONDS = 0.25
"""An item that is expected to take longer gains nothing from a group, and delays the others."""

LARGEST_ITEM_BYTES = 4_000_000
"""Larger ones stay alone: what a file of this size costs, its type does not tell."""

SMALLEST_SAMPLE = 4
"""Files of one type that a batch must have processed before its own figures count."""

_MEASURED_BATCHES = 256
"""Batches whose figures a worker remembers."""


@dataclass(frozen=True, slots=True)
class _Expectation:
    """Engine time of a file: ``seconds`` and as many ``per_megabyte``."""

    seconds: float
    per_megabyte: float
    largest: float = LARGEST_ITEM_BYTES


_TEXT = _Expectation(0.003, 0.5)
_OFFICE = _Expectation(0.04, 0.5)
_PDF = _Expectation(0.02, 0.03)
_PDF_WITH_OCR = _Expectation(0.03, 0.03, largest=200_000)
"""Larger ones may be scans: a page of OCR takes about a second."""


_OFFICE_TYPES = (
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/rtf",
)


class Listed(Protocol):
    """What must be known of a listed item; see `docmill.records.listing.Listed`."""

    @property
    def position(self) -> int:
        """Its place in the listing."""

    @property
    def name(self) -> str:
        """Its name for people."""

    @property
    def path(self) -> str:
        """Its path; the ending says what it probably is."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def by_url(self) -> bool:
        """Whether its bytes come from a URL."""

    @property
    def alone(self) -> bool | None:
        """Whether it must have an activity of its own."""


class ItemCosts:
    """How long engines took for the files of each batch: means by file ending, in memory."""

    def __init__(self) -> None:
        self._batches: OrderedDict[str, dict[str, tuple[int, float]]] = OrderedDict()

    def note(self, batch_id: str, path: str, seconds: float) -> None:
        """Remember how long the engine took for one file."""
        means = self._batches.setdefault(batch_id, {})
        count, mean = means.get(ending := _ending(path), (0, 0.0))
        means[ending] = (count + 1, mean + (seconds - mean) / (count + 1))
        self._batches.move_to_end(batch_id)
        if len(self._batches) > _MEASURED_BATCHES:
            self._batches.popitem(last=False)

    def mean(self, batch_id: str, path: str) -> float | None:
        """Return the mean of a batch's files with the ending of ``path``; None: too few yet."""
        count, mean = self._batches.get(batch_id, {}).get(_ending(path), (0, 0.0))
        return mean if count >= SMALLEST_SAMPLE else None


class GroupPlanner:
    """Plans the groups of one batch's pages."""

    def __init__(self, costs: ItemCosts, batch_id: str, parameters: Mapping[str, Any]) -> None:
        """Take what was measured, and the batch's parameters: they say whether OCR may run."""
        self._costs = costs
        self._batch_id = batch_id
        with_ocr = parameters.get("tier", parameters.get("parse_tier")) != "fast"
        self._pdf = _PDF_WITH_OCR if with_ocr else _PDF

    def plan(
        self, group_up_to: int, items: Sequence[Listed], last_page: bool
    ) -> tuple[tuple[ItemRef, ...], tuple[ItemGroup, ...]]:
        """Return the items that stay alone, and the groups of the others.

        Args:
            group_up_to: items of one group at most.
            items: those of the page that need an activity, in listing order.
            last_page: whether the listing ends with them.
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
        """Return the seconds of engine time that an item will need; None: it stays alone."""
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
    return PurePath(path).suffix.lower()


def _group(members: Sequence[Listed]) -> ItemGroup:
    return ItemGroup(
        positions=tuple(item.position for item in members),
        first=shown_name(members[0].name),
        last=shown_name(members[-1].name),
    )
