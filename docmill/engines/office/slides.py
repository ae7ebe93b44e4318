"""Second reading of PowerPoint presentations: comments, diagrams, charts, omitted text."""

from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.office.comparison import missing
from docmill.engines.office.drawing import paragraphs, read_drawings
from docmill.engines.office.package import (
    Element,
    Package,
    UnreadablePartError,
    attribute,
    descendants,
    local,
)
from docmill.engines.office.passages import Part, Reading

_OFF = frozenset({"0", "false", "off"})
_COMMENTS = frozenset({"comments", "comment"})
"""Comments of PowerPoint 2007 and of Microsoft 365."""
_NOT_NOTES = frozenset({"sldNum", "hdr", "ftr", "dt", "sldImg"})
"""Placeholders of a notes page other than notes: numbers, dates, the image of the slide."""


def read_slides(source: Package, texts: list[str]) -> Reading:
    """Read the content of a presentation that xberg omits.

    Args:
        source: the presentation's package.
        texts: xberg's text without Markdown syntax, one page for each slide.

    Raises:
        UnreadablePartError: the presentation's main part cannot be read.
    """
    main = source.main()
    targets = {relation.id: relation.target for relation in source.relations(main)}
    root = source.xml(main)
    authors = _authors(source, main)
    slides = [targets.get(one, "") for one in _slide_ids(root)]
    reading = Reading()
    for number, name in enumerate(slides, start=1):
        page = number if number <= len(texts) else None
        try:
            text = texts[number - 1] if page else ""
            _read_slide(source, name, page, text, reading)
            _read_attached_parts(source, name, page, authors, reading)
        except UnreadablePartError as error:
            reading.add_unread(Part.BODY, f"slide {number}: {error}", page)
    return reading


def _slide_ids(root: Element) -> list[str]:
    """Return the relationship ids of slides. A ``sldId`` also has another ``id``."""
    return [
        next((value for key, value in one.items() if "}" in key and local(key) == "id"), "")
        for one in descendants(root, "sldId")
    ]


def _read_slide(source: Package, name: str, page: int | None, text: str, reading: Reading) -> None:
    root = source.xml(name)
    if attribute(root, "show") in _OFF:
        reading.inventory[Part.HIDDEN_SLIDES] += 1
        message = "The presentation hides this slide; it is part of the result."
        reading.warnings.append(warning(WarningCode.HIDDEN_CONTENT, message, page))
    for paragraph in missing(paragraphs(root), text):
        reading.put_back(paragraph, page)
    read_drawings(source, name, reading, page, seen=set())


def _read_attached_parts(
    source: Package, name: str, page: int | None, authors: dict[str, str], reading: Reading
) -> None:
    """Read notes and comments, which are separate parts."""
    for relation in source.relations(name):
        if relation.kind == "notesSlide":
            _read_notes(source, relation.target, page, reading)
        elif relation.kind in _COMMENTS:
            _read_comments(source, relation.target, page, authors, reading)


def _read_notes(source: Package, name: str, page: int | None, reading: Reading) -> None:
    try:
        root = source.xml(name)
    except UnreadablePartError as error:
        reading.add_unread(Part.SPEAKER_NOTES, f"{name}: {error}", page)
        return
    lines: list[str] = []
    for shape in descendants(root, "sp"):
        kinds = {attribute(one, "type") for one in descendants(shape, "ph")}
        if not kinds & _NOT_NOTES:
            lines += paragraphs(shape)
    reading.add(Part.SPEAKER_NOTES, lines, page)


def _read_comments(
    source: Package, name: str, page: int | None, authors: dict[str, str], reading: Reading
) -> None:
    try:
        root = source.xml(name)
    except UnreadablePartError as error:
        reading.add_unread(Part.COMMENTS, f"{name}: {error}", page)
        return
    for element in root.iter():
        kind = local(element.tag)
        author = authors.get(attribute(element, "authorId"), "")
        if kind in {"cm", "reply"}:
            own = [child for child in element if local(child.tag) in {"text", "txBody"}]
            texts = [t for e in own for t in paragraphs(e) or ["".join(e.itertext())]]
            reading.add(Part.COMMENTS, [" ".join(texts)], page, author)


def _authors(source: Package, main: str) -> dict[str, str]:
    """Return the names of comment authors by id; empty if they cannot be read."""
    found: dict[str, str] = {}
    for relation in source.relations(main):
        if relation.kind in {"commentAuthors", "authors"}:
            try:
                root = source.xml(relation.target)
            except UnreadablePartError:
                continue
            found |= {attribute(one, "id"): attribute(one, "name") for one in root}
    return found
