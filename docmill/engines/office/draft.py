"""Draft of a parse result: the pages of xberg plus the findings of the second reading."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from docmill.engines.base import Limits
from docmill.engines.markdown import plain_text
from docmill.engines.office.comparison import contains
from docmill.engines.office.normalize import NormalizedDocument
from docmill.engines.office.passages import Part, Passage, Reading

if TYPE_CHECKING:
    import xberg

_MAX_NESTING = 8
"""Levels of nested documents that are read. xberg has further limits."""


ReadChild = Callable[[str, "xberg.ExtractedDocument"], str | None]
"""Reads a nested document a second time; arguments: its name and xberg's result."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Input of one reading: a document and its limits.

    Attributes:
        source: the document in the form that xberg reads.
        limits: limits of resources.
        with_images: whether to extract embedded images.
        without_navigation: whether to drop navigation elements of HTML.
        extracted: xberg's result, if it read this document as part of another one.
    """

    source: NormalizedDocument
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
        """Media type of the file."""
        return self.source.media_type


@dataclass(slots=True)
class Draft:
    """Intermediate result of reading a document.

    Attributes:
        pages: Markdown of each page.
        reading: findings that are added to the pages.
        extracted: xberg's result; None when xberg could not read the file.
        stated: fields of each page that xberg reports, such as speaker notes.
        filled: names of sheets and messages that xberg skipped and another reader read.
    """

    pages: list[str]
    reading: Reading = field(default_factory=Reading)
    extracted: "xberg.ExtractedDocument | None" = None
    stated: dict[int, dict[str, Any]] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)
    _plain: dict[str, str] = field(default_factory=dict, repr=False)

    def plain(self, page: str) -> str:
        """Return ``page`` without Markdown syntax; cached by page."""
        if page not in self._plain:
            self._plain[page] = plain_text(page)
        return self._plain[page]

    @property
    def text(self) -> str:
        """All pages without Markdown syntax."""
        return "\n".join(self.texts)

    @property
    def texts(self) -> list[str]:
        """Each page without Markdown syntax."""
        return [self.plain(page) for page in self.pages]


def draft_of(extracted: "xberg.ExtractedDocument") -> Draft:
    """Return a draft with xberg's pages, sheets or slides, or with one page if it has none."""
    pages = extracted.pages or []
    if not any(page.content.strip() for page in pages):
        return Draft([extracted.content], extracted=extracted)
    stated = {
        number: {"speaker_notes": page.speaker_notes, "section_name": page.section_name}
        for number, page in enumerate(pages, start=1)
    }
    contents = [_with_sheet_name(page.sheet_name, page.content) for page in pages]
    return Draft(contents, extracted=extracted, stated=stated)


def add_children(draft: Draft, part: Part, again: ReadChild | None = None) -> set[str]:
    """Add the nested documents that xberg read, and return their names.

    Args:
        draft: the draft of the outer document.
        part: kind under which nested documents are counted.
        again: reads a nested document a second time.
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
        if not contains(text, plain_text(markdown)):
            draft.reading.passages.append(Passage(kind, markdown.strip(), None, name))
    return read


def _children(
    document: "xberg.ExtractedDocument", again: ReadChild | None, depth: int
) -> Iterator[tuple[str, str]]:
    for child in document.children or [] if depth < _MAX_NESTING else []:
        whole = again(child.path, child.result) if again else None
        yield child.path, without_inlined(child.result) if whole is None else whole
        if whole is None:  # its text contains its nested documents otherwise
            yield from _children(child.result, again, depth + 1)


def without_inlined(document: "xberg.ExtractedDocument") -> str:
    """Return a document's Markdown without the text of its attachments.

    xberg appends each attachment to a mail as one paragraph, which loses tables and lists.
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
