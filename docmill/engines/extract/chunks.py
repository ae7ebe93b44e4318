"""Division of a document's pages into portions for one request to a model."""

from collections.abc import Iterable
from dataclasses import dataclass

from docmill.engines.base import ParsedPage

_NEAR = 0.8
"""A long page is cut at the last line end after this share of a portion, if there is one."""


@dataclass(frozen=True, slots=True)
class Part:
    """Text of a page or, if the page exceeds a portion, of a part of it.

    Attributes:
        page: page number, from 1.
        text: text for the engine.
    """

    page: int
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive pages in one request."""

    parts: tuple[Part, ...]

    @property
    def pages(self) -> list[int]:
        """Page numbers."""
        return list(dict.fromkeys(part.page for part in self.parts))


def text_of(page: ParsedPage) -> str:
    """Return the text of a page for extraction: in reading order, with tables."""
    return page.markdown.strip() or page.text.strip()


def parts_of(pages: Iterable[ParsedPage], budget: int) -> list[Part]:
    """Split pages into parts of at most ``budget`` characters; empty pages yield none."""
    return [
        Part(page.page_number, piece)
        for page in pages
        if page.success and (text := text_of(page))
        for piece in _pieces(text, budget)
    ]


def chunks_of(pages: Iterable[ParsedPage], budget: int) -> list[Chunk]:
    """Group pages in order into chunks of at most ``budget`` characters of text."""
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
