"""Pages of a result before they are final: the engine's, and what a second reading adds."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docmill.engines.base import Limits
from docmill.engines.markdown_text import plain_text
from docmill.engines.office.passages import Part, Passage, Reading
from docmill.engines.office.readable import Readable
from docmill.engines.office.words import holds

if TYPE_CHECKING:
    import xberg

_MOST_NESTED = 8
"""Levels of documents in documents that are read; the engine has bounds of its own."""


ReadAgain = Callable[[str, "xberg.ExtractedDocument"], str | None]
"""Reads a document inside another a second time, by its name and the engine's result."""


@dataclass(frozen=True, slots=True)
class Job:
    """One document on its way through the engine.

    Attributes:
        source: the file as the engine wants it.
        limits: what may be used.
        with_images: whether embedded images are wanted.
        without_navigation: whether navigation is to be left out of HTML.
        extracted: the engine's result, when it has read the file already, inside another.
    """

    source: Readable
    limits: Limits
    with_images: bool = False
    without_navigation: bool = False
    extracted: "xberg.ExtractedDocument | None" = None

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return self.source.data

    @property
    def media_type(self) -> str:
        """What they are."""
        return self.source.media_type


@dataclass(slots=True)
class Draft:
    """A document as far as it has been read.

    Attributes:
        pages: Markdown of each page.
        reading: what is to be added to it.
        extracted: the engine's own result; None when the engine could not read the file.
        stated: what the engine says of each page: speaker notes and the like.
        filled: names of sheets and messages that the engine gave up, and that were read after it.
    """

    pages: list[str]
    reading: Reading = field(default_factory=Reading)
    extracted: "xberg.ExtractedDocument | None" = None
    stated: dict[int, dict[str, Any]] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)
    _plain: dict[str, str] = field(default_factory=dict, repr=False)

    def plain(self, page: str) -> str:
        """Return ``page`` without Markdown's marks; the same page costs that once."""
        if page not in self._plain:
            self._plain[page] = plain_text(page)
        return self._plain[page]

    @property
    def text(self) -> str:
        """All pages without Markdown's marks."""
        return "\n".join(self.texts)

    @property
    def texts(self) -> list[str]:
        """Each page without Markdown's marks."""
        return [self.plain(page) for page in self.pages]


def draft_of(extracted: "xberg.ExtractedDocument") -> Draft:
    """Return the document's own pages, sheets or slides; one page where it has none."""
    pages = extracted.pages or []
    if not any(page.content.strip() for page in pages):
        return Draft([extracted.content], extracted=extracted)
    stated = {
        number: {"speaker_notes": page.speaker_notes, "section_name": page.section_name}
        for number, page in enumerate(pages, start=1)
    }
    contents = [_with_sheet_name(page.sheet_name, page.content) for page in pages]
    return Draft(contents, extracted=extracted, stated=stated)


def add_children(draft: Draft, part: Part, again: ReadAgain | None = None) -> set[str]:
    """Add the documents inside the document that the engine has read, and return their names.

    Args:
        draft: the document.
        part: what documents inside it are.
        again: reads one of them a second time.
    """
    if draft.extracted is None:
        return set()
    read = set()
    text = draft.text
    for name, markdown in _children(draft.extracted, again, depth=0):
        if not markdown.strip():
            continue
        read.add(name.rsplit("/", 1)[-1])
        kind = Part.ATTACHED_MESSAGES if name.startswith("nested_message") else part
        if part is not Part.ATTACHMENTS:
            draft.reading.inventory[kind] += 1
        if not holds(text, plain_text(markdown)):
            draft.reading.passages.append(Passage(kind, markdown.strip(), None, name))
    return read


def _children(
    document: "xberg.ExtractedDocument", again: ReadAgain | None, depth: int
) -> Iterator[tuple[str, str]]:
    for child in document.children or [] if depth < _MOST_NESTED else []:
        whole = again(child.path, child.result) if again else None
        yield child.path, without_inlined(child.result) if whole is None else whole
        if whole is None:  # else it has its own documents
            yield from _children(child.result, again, depth + 1)


def without_inlined(document: "xberg.ExtractedDocument") -> str:
    """Return a document's Markdown without its attachments.

    The engine repeats them below a mail, each as one paragraph: tables and lists are lost there.
    """
    content: str = document.content
    start = content.rfind("\nAttachments:\n")
    if start < 0:
        return content
    places = [
        place
        for child in document.children or []
        if (place := content.find(f"\n## {child.path}\n", start)) >= 0
    ]
    return content[: min(places)] if places else content


def _with_sheet_name(name: str | None, markdown: str) -> str:
    if not name or re.match(rf"## {re.escape(name)}\s*$", markdown, re.M):
        return markdown
    return f"## {name}\n\n{markdown}"
