"""Text of DrawingML and WordprocessingML: paragraphs, diagrams (SmartArt) and charts."""

from collections.abc import Iterator
from functools import lru_cache

from docmill.engines.office import package
from docmill.engines.office.package import Element, Package, attribute, descendants
from docmill.engines.office.passages import Part, Passage, Reading, escaped

_name = lru_cache(maxsize=4096)(package.local)

_NO_TEXT = frozenset({"Fallback", "del", "moveFrom", "delText", "instrText", "oMath", "rPr", "pPr"})
"""Elements that repeat other text, were deleted, or hold no text. xberg converts equations."""
_SPACES = frozenset({"tab", "br", "cr", "ptab"})
_MAX_CHART_POINTS = 2000
"""Points of one series of a chart that are written. Ordinary charts have tens."""


def paragraphs(root: Element) -> list[str]:
    """Return the text of each paragraph below ``root``; a nested paragraph follows its parent."""
    found: list[list[str]] = []
    waiting: list[tuple[Element, list[str] | None]] = [(root, None)]
    while waiting:  # iterative: hostile parts nest deeper than Python's stack
        element, paragraph = waiting.pop()
        name = _name(element.tag)
        if name in _NO_TEXT:
            continue
        if name == "p":
            paragraph = []
            found.append(paragraph)
        elif paragraph is not None and name == "t":
            paragraph.append(element.text or "")
        elif paragraph is not None and name in _SPACES:
            paragraph.append(" ")
        elif paragraph is not None and name == "noBreakHyphen":
            paragraph.append("-")
        waiting.extend((child, paragraph) for child in reversed(element))
    return [text for text in ("".join(parts).strip() for parts in found) if text]


def read_drawings(
    source: Package, part: str, reading: Reading, page: int | None, *, seen: set[str]
) -> None:
    """Add the diagrams and charts that the part ``part`` references.

    Args:
        source: the package.
        part: name of a document, a slide or a drawing.
        reading: receives the findings.
        page: page of the result to which they belong.
        seen: parts that were read before; a part that appears twice is read once.
    """
    for relation in source.relations(part):
        if relation.target in seen:
            continue
        if relation.kind == "diagramData":
            seen.add(relation.target)
            add_part(source, relation.target, Part.DIAGRAMS, reading, page)
        elif relation.kind in {"chart", "chartEx"}:
            seen.add(relation.target)
            _add_chart(source, relation.target, reading, page)


def add_part(source: Package, name: str, part: Part, reading: Reading, page: int | None) -> None:
    """Add all paragraphs of one XML part, or report the part as unread."""
    try:
        reading.add(part, paragraphs(source.xml(name)), page)
    except package.UnreadablePartError as error:
        reading.add_unread(part, f"{name}: {error}", page)


def _add_chart(source: Package, name: str, reading: Reading, page: int | None) -> None:
    try:
        root = source.xml(name)
    except package.UnreadablePartError as error:
        reading.add_unread(Part.CHARTS, f"{name}: {error}", page)
        return
    titles = paragraphs(root)
    rows = list(_chart_rows(root)) or [[text] for text in _strings(root)]
    if titles or rows:
        blocks = [escaped(title) for title in titles]
        if rows:
            blocks.append(table(rows))
        reading.inventory[Part.CHARTS] += 1
        reading.passages.append(Passage(Part.CHARTS, "\n\n".join(blocks), page))


def _chart_rows(root: Element) -> Iterator[list[str]]:
    """Yield a header with the names of the series, then a row for each category."""
    series = list(descendants(root, "ser"))[:100]
    if not series:
        return
    columns = [_points(one, ("val", "yVal")) for one in series]
    categories = next((found for one in series if (found := _points(one, ("cat", "xVal")))), {})
    names = [" ".join(_points(one, ("tx",)).values()) for one in series]
    yield ["", *names]
    for index in sorted(set(categories).union(*columns))[:_MAX_CHART_POINTS]:
        yield [categories.get(index, ""), *(column.get(index, "") for column in columns)]


def _points(series: Element, names: tuple[str, ...]) -> dict[int, str]:
    """Return the cached points of a series (names, categories or values) by index."""
    found: dict[int, str] = {}
    for child in series:
        if _name(child.tag) not in names:
            continue
        for number, point in enumerate(descendants(child, "pt")):
            index = attribute(point, "idx")
            text = " ".join((v.text or "").strip() for v in descendants(point, "v"))
            place = int(index) if index.isdigit() else number
            found[place] = f"{found[place]} {text}" if place in found else text
        if not found:
            texts = [v.text.strip() for v in descendants(child, "v") if v.text]
            found = dict(enumerate(texts))
    return found


def _strings(root: Element) -> list[str]:
    """Return the data of charts without series of points (waterfall, treemap …)."""
    return [e.text.strip() for e in descendants(root, "pt") if e.text and e.text.strip()]


def table(rows: list[list[str]]) -> str:
    """Return rows as a Markdown table whose first row is the header."""
    width = max(len(row) for row in rows)
    lines = [_line(row, width) for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _line(row: list[str], width: int) -> str:
    cells = [cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>") for cell in row]
    return "| " + " | ".join([*cells, *[""] * (width - len(cells))]) + " |"
