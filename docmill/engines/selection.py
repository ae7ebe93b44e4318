"""Selection of the requested pages of a document."""

from dataclasses import dataclass
from itertools import islice

from docmill.errors import UsageError


@dataclass(frozen=True, slots=True)
class PageSelection:
    """Requested pages; all by default.

    Attributes:
        max_pages: number of pages from the beginning.
        ranges: first and last page numbers, from 1; they take precedence over ``max_pages``.
    """

    max_pages: int | None = None
    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def read(cls, max_pages: int | None, target_pages: str | None) -> "PageSelection":
        """Parse the fields of ``page_ranges``.

        Args:
            max_pages: at least 1, or None.
            target_pages: such as ``1,3,5-8``; if None or empty, ``max_pages`` applies.

        Raises:
            UsageError: ``target_pages`` is invalid.
        """
        if not target_pages or not target_pages.strip():
            return cls(max_pages=max_pages)
        return cls(ranges=tuple(_range(part.strip()) for part in target_pages.split(",")))

    @property
    def everything(self) -> bool:
        """Whether all pages are requested."""
        return self.max_pages is None and not self.ranges

    def of(self, document_pages: int, limit: int) -> list[int]:
        """Return the selected page numbers of a document, sorted and unique.

        Args:
            document_pages: pages that the document has.
            limit: maximum number of results, so that ``1-999999999`` is cheap.
        """
        if not self.ranges:
            last = document_pages if self.max_pages is None else self.max_pages
            return list(islice(range(1, min(last, document_pages) + 1), limit))
        clipped = sorted(
            (first, min(last, document_pages))
            for first, last in self.ranges
            if first <= document_pages
        )
        numbers: list[int] = []
        reached = 0
        for first, last in clipped:
            room = limit - len(numbers)
            numbers += islice(range(max(first, reached + 1), last + 1), room)
            reached = max(reached, last)
        return numbers


def as_target_pages(numbers: list[int]) -> str:
    """Return sorted page numbers in the notation ``1,3,5-8``."""
    parts: list[str] = []
    for number in numbers:
        first, _, last = parts[-1].partition("-") if parts else ("", "", "")
        if parts and int(last or first) == number - 1:
            parts[-1] = f"{first}-{number}"
        else:
            parts.append(str(number))
    return ",".join(parts)


def _range(part: str) -> tuple[int, int]:
    first, dash, last = part.partition("-")
    if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
        raise UsageError(
            f"target_pages has {part!r}, which is neither a page nor a range.",
            "Write pages from 1 on, as in 1,3,5-8.",
        )
    start, end = int(first), int(last) if dash else int(first)
    if start < 1 or end < start:
        raise UsageError(
            f"target_pages has {part!r}, which runs backwards or begins before page 1.",
            "Write pages from 1 on, as in 1,3,5-8.",
        )
    return start, end
