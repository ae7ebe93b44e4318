"""Findings of a second reading, and their placement in the pages of a result."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from docmill.contracts.warnings import ResultWarning, WarningCode, warning


class Part(StrEnum):
    """Kind of content outside the text of the body; keys of a result's ``inventory``."""

    HEADERS = "headers"
    FOOTERS = "footers"
    FOOTNOTES = "footnotes"
    ENDNOTES = "endnotes"
    COMMENTS = "comments"
    SPEAKER_NOTES = "speaker_notes"
    TEXT_BOXES = "text_boxes"
    DIAGRAMS = "diagrams"
    CHARTS = "charts"
    INSERTED_DOCUMENTS = "inserted_documents"
    EMBEDDED_DOCUMENTS = "embedded_documents"
    ATTACHMENTS = "attachments"
    ATTACHED_MESSAGES = "attached_messages"
    ALTERNATIVES = "alternatives"
    HIDDEN_SHEETS = "hidden_sheets"
    HIDDEN_SLIDES = "hidden_slides"
    FORMULAS_WITHOUT_VALUE = "formulas_without_value"
    FORM_VALUES = "form_values"
    BODY = "body"
    """Text of the body that xberg omitted. It is added to the page and not counted."""


HEADINGS = {
    Part.FOOTNOTES: "Footnotes",
    Part.ENDNOTES: "Endnotes",
    Part.COMMENTS: "Comments",
    Part.SPEAKER_NOTES: "Speaker notes",
    Part.TEXT_BOXES: "Text boxes",
    Part.DIAGRAMS: "Diagrams",
    Part.CHARTS: "Charts",
    Part.INSERTED_DOCUMENTS: "Inserted documents",
    Part.EMBEDDED_DOCUMENTS: "Embedded documents",
    Part.ATTACHMENTS: "Attachments",
    Part.ATTACHED_MESSAGES: "Attached messages",
    Part.ALTERNATIVES: "Plain text version",
    Part.FORM_VALUES: "Form values",
    Part.BODY: "Further text",
}
"""Headings above the passages of each part at the end of a page, in this order."""

LISTED = frozenset({Part.FOOTNOTES, Part.ENDNOTES, Part.COMMENTS, Part.FORM_VALUES})
"""Parts with many short passages, which become the items of a list."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of content of the source.

    Attributes:
        part: kind of content.
        markdown: its text as Markdown.
        page: page of the result, from 1; None for the last page.
        label: the cell, author or file name to which it belongs.
    """

    part: Part
    markdown: str
    page: int | None = None
    label: str = ""


@dataclass(slots=True)
class Reading:
    """The outcome of a second reading.

    Attributes:
        passages: content that xberg's text lacks.
        inventory: number of occurrences of each part in the source.
        warnings: content that could not be read, and other notes.
    """

    passages: list[Passage] = field(default_factory=list)
    inventory: Counter[Part] = field(default_factory=Counter)
    warnings: list[ResultWarning] = field(default_factory=list)

    def add(
        self, part: Part, texts: Iterable[str], page: int | None = None, label: str = ""
    ) -> None:
        """Add and count paragraphs of plain text as one passage, unless all are empty."""
        lines = [escaped(" ".join(text.split())) for text in texts if text.strip()]
        if lines:
            self.inventory[part] += 1
            self.passages.append(Passage(part, "\n\n".join(lines), page, label))

    def put_back(self, paragraph: str, page: int | None = None) -> None:
        """Add a paragraph of the body that xberg's text lacks."""
        line = escaped(" ".join(paragraph.split()))
        self.passages.append(Passage(Part.BODY, line, page))

    def add_unread(self, part: Part, what: str, page: int | None = None) -> None:
        """Count content of the source that cannot be read, and add a warning."""
        self.inventory[part] += 1
        words = str(part).replace("_", " ")
        message = f"Not read: {words} ({what})."
        self.warnings.append(warning(WarningCode.CONTENT_NOT_READ, message, page))

    def extend(self, other: "Reading") -> None:
        """Add the findings of another reading."""
        self.passages += other.passages
        self.inventory += other.inventory
        self.warnings += other.warnings


_SPECIAL = re.compile(r"([\\`*\[\]<])|^(?=#{1,6}\s|>|[-+]\s)")


def escaped(text: str) -> str:
    """Escape a line of plain text for Markdown."""
    return _SPECIAL.sub(lambda m: "\\" + (m[1] or ""), text)


def place(pages: list[str], reading: Reading, *, elsewhere: frozenset[Part]) -> list[str]:
    """Return ``pages`` with the passages of ``reading``: headers first, all others at the end.

    Args:
        pages: Markdown by page.
        reading: the findings.
        elsewhere: parts that are not inserted: hidden headers and footers.
    """
    by_page: dict[int, list[Passage]] = {}
    for passage in reading.passages:
        if passage.part not in elsewhere:
            number = min(passage.page or len(pages), len(pages))
            by_page.setdefault(number, []).append(passage)
    return [
        _joined(page, by_page[number]) if number in by_page else page
        for number, page in enumerate(pages, start=1)
    ]


def joined_part(reading: Reading, part: Part) -> str | None:
    """Return the headers or footers of a document as one text; None if it has none."""
    return "\n\n".join(p.markdown for p in reading.passages if p.part is part) or None


def _joined(page: str, passages: list[Passage]) -> str:
    above = [p.markdown for p in passages if p.part is Part.HEADERS]
    below = [p.markdown for p in passages if p.part is Part.FOOTERS]
    blocks = [*above, page.strip("\n")]
    marked = [p for p in passages if p.label.startswith("[^")]
    blocks += [f"{p.label}: {' '.join(p.markdown.split())}" for p in marked]
    for part, heading in HEADINGS.items():
        of_part = [p for p in passages if p.part is part and p not in marked]
        if of_part:
            blocks += [f"### {heading}", *_listed(part, of_part)]
    return "\n\n".join(block for block in [*blocks, *below] if block) + "\n"


def _listed(part: Part, passages: list[Passage]) -> list[str]:
    if part in LISTED:
        items = [(p.label, " ".join(p.markdown.split())) for p in passages]
        lines = [f"- {escaped(label)}: {text}" if label else f"- {text}" for label, text in items]
        return ["\n".join(lines)]
    return [
        block
        for p in passages
        for block in ((f"#### {escaped(p.label)}", p.markdown) if p.label else (p.markdown,))
    ]
