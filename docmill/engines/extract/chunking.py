"""A document's pages in portions that a model can be asked about at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from docmill.engines.base import ParsedPage

_NEAR = 0.8
"""A page that is too long is cut at the last line end of a portion, if there is one behind this."""


@dataclass(frozen=True, slots=True)
class Part:
    """Text of one page: all of it, unless the page alone is too long.

    Attributes:
        page: its number, from 1.
        text: what the engine reads.
    """

    page: int
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Neighbouring pages."""

    parts: tuple[Part, ...]

    @property
    def pages(self) -> list[int]:
        """Their numbers."""
        return list(dict.fromkeys(part.page for part in self.parts))


def text_of(page: ParsedPage) -> str:
    """Return what is read of a page: in reading order, with tables."""
    return page.markdown.strip() or page.text.strip()


def parts_of(pages: Iterable[ParsedPage], budget: int) -> list[Part]:
    """Return the text of pages in parts of at most ``budget`` characters; empty pages have none."""
    return [
        Part(page.page_number, piece)
        for page in pages
        if page.success and (text := text_of(page))
        for piece in _pieces(text, budget)
    ]


def chunks_of(pages: Iterable[ParsedPage], budget: int) -> list[Chunk]:
    """Return pages in chunks of at most ``budget`` characters of text, in their order."""
    chunks: list[list[Part]] = []
    room = 0
    for part in parts_of(pages, budget):
        if not chunks or len(part.text) > room:
            chunks.append([])
            room = budget
        chunks[-1].append(part)
        room -= len(part.text)
    return [Chunk(tuple(parts)) for parts in chunks]


def _pieces(text: str, budget: int) -> Iterable[str]:
    while len(text) > budget:
        end = text.rfind("\n", int(budget * _NEAR), budget)
        end = budget if end < 0 else end
        yield text[:end]
        text = text[end:].lstrip("\n")
    if text:
        yield text
