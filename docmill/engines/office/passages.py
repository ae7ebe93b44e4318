"""What a second reading finds in a document's source, and how it comes into the result."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from docmill.contracts.warnings import ResultWarning, WarningCode, warning


class Part(StrEnum):
    """A kind of content beside the body's text; the keys of a result's ``inventory``."""

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
    """Text of the body that the engine left out; put back, and never counted."""


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
"""What stands above passages of a part at the end of their page, in this order."""

LISTED = frozenset({Part.FOOTNOTES, Part.ENDNOTES, Part.COMMENTS, Part.FORM_VALUES})
"""Parts whose passages are short and many: items of a list."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the source.

    Attributes:
        part: what it is.
        markdown: its text, as Markdown.
        page: of the result, from 1; None for the last one.
        label: what it belongs to, or who wrote it: a cell, an author, a file name.
    """

    part: Part
    markdown: str
    page: int | None = None
    label: str = ""


@dataclass(slots=True)
class Reading:
    """The outcome of a second reading.

    Attributes:
        passages: content that the engine's text does not have.
        inventory: how many of each part the source holds.
        warnings: what could not be read, or is good to know.
    """

    passages: list[Passage] = field(default_factory=list)
    inventory: Counter[Part] = field(default_factory=Counter)
    warnings: list[ResultWarning] = field(default_factory=list)

    def add(
        self, part: Part, texts: Iterable[str], page: int | None = None, label: str = ""
    ) -> None:
        """Add paragraphs of plain text as one passage, and count it; nothing if they are empty."""
        lines = [escaped(" ".join(text.split())) for text in texts if text.strip()]
        if lines:
            self.inventory[part] += 1
            self.passages.append(Passage(part, "\n\n".join(lines), page, label))

    def put_back(self, paragraph: str, page: int | None = None) -> None:
        """Add a paragraph of the body that the engine's text does not have."""
        line = escaped(" ".join(paragraph.split()))
        self.passages.append(Passage(Part.BODY, line, page))

    def unread(self, part: Part, what: str, page: int | None = None) -> None:
        """Name content that is in the source and cannot be read."""
        self.inventory[part] += 1
        words = str(part).replace("_", " ")
        message = f"Not read: {words} ({what})."
        self.warnings.append(warning(WarningCode.CONTENT_NOT_READ, message, page))

    def extend(self, other: "Reading") -> None:
        """Take over what another reading found."""
        self.passages += other.passages
        self.inventory += other.inventory
        self.warnings += other.warnings


_SPECIAL = re.compile(r"([\\`*\[\]<])|^(?=#{1,6}\s|>|[-+]\s)")


def escaped(text: str) -> str:
    """Return a line of plain text as Markdown."""
    return _SPECIAL.sub(lambda m: "\\" + (m[1] or ""), text)


def place(pages: list[str], reading: Reading, *, elsewhere: frozenset[Part]) -> list[str]:
    """Return ``pages`` with the passages of ``reading`` at their ends; headers come first.

    Args:
        pages: Markdown by page.
        reading: what was found.
        elsewhere: parts that the page does not take: running lines that are hidden.
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


def running(reading: Reading, part: Part) -> str | None:
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
