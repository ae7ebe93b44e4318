"""Second reading of Word documents: notes, comments, headers, text boxes, diagrams, charts."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.office.comparison import missing
from docmill.engines.office.draft import Draft
from docmill.engines.office.drawing import paragraphs, read_drawings
from docmill.engines.office.package import (
    Element,
    Package,
    UnreadablePartError,
    attribute,
    children,
    descendants,
    local,
)
from docmill.engines.office.passages import Part, Passage, Reading

_NOTES = {"footnoteReference": Part.FOOTNOTES, "endnoteReference": Part.ENDNOTES}
_NOTE_PARTS = {"footnotes": Part.FOOTNOTES, "endnotes": Part.ENDNOTES}
_RUNNING = {"headerReference": Part.HEADERS, "footerReference": Part.FOOTERS}
_MARK = re.compile(r"\[\^(-?\d+)\](?:\[\^(\d+)\])?")
_COMMENT_MARK = re.compile(r"\[cmt:(-?\d+)\]")
_OFF = frozenset({"0", "false", "off"})
_EMPTY_DEFINITION = re.compile(r"^\[\^\w+\]:[ \t]*$\n?(?![ \t]+\S)", re.M)
_DEFINITION = re.compile(r"^\[\^\w+\]:.*\n(?:[ \t]+\S.*\n?|\n(?=[ \t]+\S))*", re.M)

Nested = Callable[[str, bytes], str | None]
"""Reads an inserted document by its name and bytes; returns None if no reader supports it."""


@dataclass(frozen=True, slots=True)
class _Reference:
    part: Part
    id: str


def read_word(source: Package, draft: Draft, nested: Nested) -> Reading:
    """Read the content of a Word document that xberg omits.

    Args:
        source: the document's package.
        draft: xberg's pages; their note references are renumbered.
        nested: reads inserted documents.

    Raises:
        UnreadablePartError: the document's main part cannot be read.
    """
    main = source.main()
    root = source.xml(main)
    reading = Reading()
    pages = draft.pages
    relations = source.relations(main)
    targets = {relation.id: relation.target for relation in relations}
    parts = {relation.kind: relation.target for relation in relations}
    _read_notes(source, root, parts, pages, reading)
    _read_comments(source, parts.get("comments"), pages, reading)
    for name, part in _RUNNING.items():
        references = [targets.get(attribute(one, "id")) for one in descendants(root, name)]
        _read_running(source, part, references, reading)
    read_drawings(source, main, reading, None, seen=set())
    for chunk in descendants(root, "altChunk"):
        if target := targets.get(attribute(chunk, "id")):
            _read_inserted(source, target, nested, reading)
    if any(attribute(one, "val") not in _OFF for one in descendants(root, "vanish")):
        message = "The result includes text that Word hides."
        reading.warnings.append(warning(WarningCode.HIDDEN_CONTENT, message))
    for paragraph in missing(paragraphs(root), draft.text):
        reading.put_back(paragraph)
    for drawn in missing(_drawn_text(root), draft.text):
        reading.add(Part.TEXT_BOXES, [drawn])
    for name, choice in _choices(root):
        reading.add(Part.FORM_VALUES, [choice], None, name)
    return reading


def _drawn_text(root: Element) -> list[str]:
    """Return the text of WordArt of Word 97 to 2007, such as watermarks. It is no paragraph."""
    return [text for one in descendants(root, "textpath") if (text := attribute(one, "string"))]


def _choices(root: Element) -> Iterator[tuple[str, str]]:
    """Yield names and choices of the lists of legacy forms, which are not in runs of text."""
    for field in descendants(root, "ffData"):
        for choices in children(field, "ddList"):
            entries = [attribute(one, "val") for one in children(choices, "listEntry")]
            chosen = [
                attribute(one, "val")
                for kind in ("result", "default")
                for one in children(choices, kind)
            ]
            index = int(chosen[0]) if chosen and chosen[0].isdigit() else 0
            names = [attribute(one, "val") for one in children(field, "name")]
            if index < len(entries):
                yield "".join(names), entries[index]


def _read_notes(
    source: Package, root: Element, parts: dict[str, str], pages: list[str], reading: Reading
) -> None:
    """Add footnotes and endnotes, in the order of their references, each on its page."""
    texts: dict[_Reference, str] = {}
    for kind, part in _NOTE_PARTS.items():
        if kind in parts:
            try:
                texts |= _notes(source.xml(parts[kind]), part)
            except UnreadablePartError as error:
                reading.add_unread(part, f"{parts[kind]}: {error}")
    if not texts:
        return
    references = [r for r in _references(root) if r in texts]
    pages[:] = [_EMPTY_DEFINITION.sub("", _DEFINITION.sub("", page)) for page in pages]
    places = _renumber(pages, references)
    for number, reference in enumerate(references):
        label = f"[^{number + 1}]" if places else ""
        page = places[number] if places else None
        reading.add(reference.part, [texts[reference]], page, label)
    for reference in texts.keys() - set(references):
        reading.add(reference.part, [texts[reference]])


def _notes(root: Element, part: Part) -> dict[_Reference, str]:
    """Return the notes of a part without separators, which have a type and no text."""
    found = {}
    for note in root:
        if text := " ".join(paragraphs(note)):
            found[_Reference(part, attribute(note, "id"))] = text
    return found


def _references(root: Element) -> Iterator[_Reference]:
    waiting = [root]
    while waiting:
        element = waiting.pop()
        name = local(element.tag)
        if name in _NOTES:
            yield _Reference(_NOTES[name], attribute(element, "id"))
        if name != "Fallback":
            waiting.extend(reversed(element))


def _renumber(pages: list[str], references: list[_Reference]) -> list[int]:
    """Number the note references in ``pages``; return the page of each note.

    xberg writes the id of a note, then usually its number, so that a footnote and an endnote with
    equal ids look alike. If its references do not match those of the document, nothing changes and
    the result is empty.
    """
    places: list[int] = []
    renumbered = []
    for page_number, page in enumerate(pages, start=1):

        def replace(mark: re.Match[str], page_number: int = page_number) -> str:
            number = len(places)
            if number >= len(references) or mark[1] != references[number].id:
                raise LookupError
            places.append(page_number)
            rest = "" if mark[2] is None or mark[2] == str(number + 1) else f"[^{mark[2]}]"
            if rest and number + 1 < len(references) and mark[2] == references[number + 1].id:
                places.append(page_number)
                rest = f"[^{number + 2}]"
            return f"[^{number + 1}]{rest}"

        try:
            renumbered.append(_MARK.sub(replace, page))
        except LookupError:
            return []
    if len(places) != len(references):
        return []
    pages[:] = renumbered
    return places


def _read_comments(source: Package, name: str | None, pages: list[str], reading: Reading) -> None:
    if name is None:
        return
    try:
        root = source.xml(name)
    except UnreadablePartError as error:
        reading.add_unread(Part.COMMENTS, f"{name}: {error}")
        return
    shown = {mark[1]: n for n, page in enumerate(pages, 1) for mark in _COMMENT_MARK.finditer(page)}
    pages[:] = [_COMMENT_MARK.sub(r"[^cmt\1]", page) for page in pages]
    for comment in children(root, "comment"):
        number = attribute(comment, "id")
        author = attribute(comment, "author").strip()
        text = " ".join(paragraphs(comment))
        if text and number in shown:
            spoken = f"{author}: {text}" if author else text
            reading.add(Part.COMMENTS, [spoken], shown[number], f"[^cmt{number}]")
        else:
            reading.add(Part.COMMENTS, [text], None, author)


def _read_running(
    source: Package, part: Part, references: list[str | None], reading: Reading
) -> None:
    """Add each distinct header or footer of all sections."""
    seen: set[str] = set()
    for target in references:
        if target is None or target in seen:
            continue
        seen.add(target)
        try:
            root = source.xml(target)
            texts = [*paragraphs(root), *_drawn_text(root)]
        except UnreadablePartError as error:
            reading.add_unread(part, f"{target}: {error}")
            continue
        if (whole := "\n".join(texts)) not in seen:
            seen.add(whole)
            page = 1 if part is Part.HEADERS else None
            reading.add(part, texts, page)
        read_drawings(source, target, reading, None, seen=seen)


def _read_inserted(source: Package, name: str, nested: Nested, reading: Reading) -> None:
    """Read an inserted document of another format (altChunk), which Word converts on opening."""
    try:
        text = nested(name, source.read(name))
    except UnreadablePartError as error:
        reading.add_unread(Part.INSERTED_DOCUMENTS, f"{name}: {error}")
        return
    if text is None:
        reading.add_unread(Part.INSERTED_DOCUMENTS, name)
    elif text.strip():
        reading.inventory[Part.INSERTED_DOCUMENTS] += 1
        reading.passages.append(Passage(Part.INSERTED_DOCUMENTS, text.strip()))
