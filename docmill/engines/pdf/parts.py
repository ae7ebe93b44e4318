"""Parts of a PDF outside its pages' text: form fields, comments, attachments, XFA, portfolios."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines.pdf.raw import Marks
from docmill.engines.text_check import letters_of

if TYPE_CHECKING:
    import liteparse

_NOT_COMMENTS = frozenset({"widget", "link", "popup"})
"""Annotations other than comments. A popup repeats its parent comment."""
_TYPED = "freetext"
_PASSWORD = 1 << 13
"""Bit 14 of a text field's flags: a password, which is not displayed (ISO 32000-1, 12.7.4.3)."""
_TICKED = frozenset({"checkbox", "radio", "radiobutton"})
_DYNAMIC_XFA = 2
"""pdfium's FORMTYPE_XFA_FULL: pages are placeholders, and the form is XML."""
_NAMED = 5
_LONG = 12
"""Letters of a value that do not occur on a page by chance."""

_Part = tuple[str, str, "liteparse.AnnotationRect | None"]
"""Markdown line, value in it, and rectangle of the value."""


def lines_beyond_text(page: "liteparse.ParsedPage") -> list[str]:
    """Return values of form fields, typed text and comments that the page's text lacks."""
    parts = [*_fields(page), *_comments(page)]
    if not parts:
        return []
    shown = _Shown(page)
    return [line for line, value, rect in parts if not shown.holds(value, rect)]


def has_stamp(page: "liteparse.ParsedPage") -> bool:
    """Return whether a page has a stamp, whose text is part of its image."""
    return any(note.subtype.lower() == "stamp" for note in page.annotations or ())


def lines_of_xfa(native: "liteparse.ParseResult", known: str) -> list[str]:
    """Return named values of an XFA form that the text ``known`` lacks."""
    letters = letters_of(known)
    return [
        f"{name}: {value}"
        for name, value in _xfa_values(native)
        if letters_of(value) not in letters
    ]


def inventory_of(
    native: "liteparse.ParseResult | None",
    pages: Sequence["liteparse.ParsedPage"],
    *,
    turned: Iterable["liteparse.TextItem"],
    images: int,
) -> dict[str, int]:
    """Return the number of each part on the pages. `attachments` counts attached files.

    Args:
        native: source of the parts of the whole document, if they count.
        pages: pages of the document.
        turned: runs of text on these pages that do not simply run to the right.
        images: how many they show.
    """
    counts = {
        "pages_with_text": sum(bool(page.text.strip()) for page in pages),
        "images": images,
        "form_fields": sum(len(page.form_fields or ()) for page in pages),
        "comments": sum(1 for page in pages for _ in _comments(page)),
        "turned_text": sum(abs(item.rotation) >= 1 for item in turned),
        "xfa_values": len(list(_xfa_values(native))) if native else 0,
    }
    return {part: count for part, count in counts.items() if count}


def unread_xfa(native: "liteparse.ParseResult") -> list[ResultWarning]:
    """Return a warning if the pages are only placeholders of an XFA form."""
    if native.form_type != _DYNAMIC_XFA:
        return []
    values = len(list(_xfa_values(native)))
    message = f"The XFA form was not read as it is shown, only the values in it: {values}."
    return [warning(WarningCode.CONTENT_NOT_READ, message)]


def attachments(path: Path, marks: Marks) -> tuple[int, list[ResultWarning]]:
    """Return the number of a PDF's attachments, and a warning that names them.

    Most PDFs have none, which a search of the bytes shows in a fraction of the time that opening
    takes.

    Args:
        path: of the PDF.
        marks: objects that it stores.
    """
    if not marks.attachments and not marks.is_portfolio:
        return 0, []
    names = _attached_names(path)
    count = max(len(names), marks.attachments)
    if not count:
        return 0, []
    what = "The files of the portfolio" if marks.is_portfolio else "Attachments"
    named = ", ".join(names[:_NAMED]) + (", \u2026" if len(names) > _NAMED else "")
    message = f"{what} were not read: {count}" + (f" ({named})." if named else ".")
    return count, [warning(WarningCode.CONTENT_NOT_READ, message)]


def _attached_names(path: Path) -> list[str]:
    import pypdfium2  # noqa: PLC0415 - few PDFs have attachments

    try:
        with closing(pypdfium2.PdfDocument(path)) as pdf:
            count = pdf.count_attachments()
            return [pdf.get_attachment(n).get_name() or "unnamed" for n in range(count)]
    except pypdfium2.PdfiumError:
        return []


class _Shown:
    """The text of a page, for checking whether it shows a value in its rectangle."""

    def __init__(self, page: "liteparse.ParsedPage") -> None:
        self._items = page.text_items
        self._letters = letters_of(page.text)

    def holds(self, value: str, rect: "liteparse.AnnotationRect | None") -> bool:
        """Return whether the value is inside its rectangle or, if it is long, anywhere."""
        letters = letters_of(value)
        if not letters:
            return False
        if len(letters) > _LONG and letters in self._letters:
            return True
        within = "".join(item.text for item in self._items if rect and _meet(item, rect))
        return letters in letters_of(within)


def _meet(item: "liteparse.TextItem", rect: "liteparse.AnnotationRect") -> bool:
    across = item.x < rect.x + rect.width and rect.x < item.x + item.width
    return bool(across and item.y < rect.y + rect.height and rect.y < item.y + item.height)


def _fields(page: "liteparse.ParsedPage") -> Iterator[_Part]:
    """Yield each nonempty field once."""
    seen = set()
    for field in sorted(page.form_fields or (), key=_place):
        label = field.alternate_name or _last_name(field.name)
        value = _value(field)
        if not value or (field.name, value) in seen:
            continue
        seen.add((field.name, value))
        if field.type in _TICKED:
            # A ticked box is shown by its label: the letters of its value may occur anywhere.
            yield f"[x] {label}", "", field.rect
        else:
            yield (f"{label}: {value}" if label else value), value, field.rect


def _value(field: "liteparse.FormField") -> str:
    if field.type in _TICKED:
        return "x" if field.checked else ""
    if field.type == "text" and field.field_flags & _PASSWORD:
        return ""
    if field.type not in {"text", "combobox", "listbox"}:
        return ""
    # The value of a list is its first choice, which may differ from the displayed word.
    return " ".join((", ".join(field.selected_options) or field.value or "").split())


def _comments(page: "liteparse.ParsedPage") -> Iterator[_Part]:
    for note in sorted(page.annotations or (), key=_place):
        text = " ".join((note.contents or "").split())
        if not text or note.subtype.lower() in _NOT_COMMENTS:
            continue
        author = f" by {note.title}" if note.title else ""
        line = text if note.subtype.lower() == _TYPED else f"Comment{author}: {text}"
        yield line, text, note.rect


def _place(one: "liteparse.FormField | liteparse.DocumentAnnotation") -> tuple[float, float]:
    return (one.rect.y, one.rect.x) if one.rect else (0.0, 0.0)


def _last_name(name: str | None) -> str:
    """Return the last part of a field's full name without its index, as in ``form[0].town[0]``."""
    return re.sub(r"\[\d+\]", "", (name or "").rsplit(".", 1)[-1])


def _xfa_values(native: "liteparse.ParseResult") -> Iterator[tuple[str, str]]:
    """Yield names and values of the data of an XFA form."""
    for packet in native.xfa_packets or ():
        if "datasets" not in (packet.content or ""):
            continue
        try:
            root = ElementTree.fromstring(packet.content or "")  # noqa: S314 - expat bounds entities
        except ElementTree.ParseError:
            continue
        for data in root.iter():
            if data.tag.endswith("}data"):
                yield from _leaves(data)


def _leaves(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for one in element.iter():
        value = " ".join((one.text or "").split())
        if value and not len(one):
            yield one.tag.rpartition("}")[2], value
