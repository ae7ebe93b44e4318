"""HTML: reduction of its depth for xberg, and a second reading of its text.

xberg drops elements deeper than about 60 levels (30 for tables, 40 for lists). Old pages nest that
deep, because they do not close their tags. A cheap bound over the tags identifies pages that cannot
reach the limit. The others are parsed as browsers do (Lexbor); elements that still lie deeper than
`DEPTH` become plain paragraphs.
"""

import html
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from docmill.engines.office.comparison import contains, missing
from docmill.engines.office.passages import Part, Reading, escaped

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

DEPTH = 50
"""Elements below ``body``. xberg begins to lose text somewhat deeper."""
TABLES = 10
"""Tables in tables, and lists in lists. Each takes several of xberg's levels."""
WRAPPERS = 20
"""Depth below ``body`` from which wrappers are dropped, to leave room for structure."""

_VOID = frozenset(
    [
        *["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"],
        *["source", "track", "wbr"],
    ]
)
_TAG = re.compile(rf"<(/)?(?!(?:{'|'.join(sorted(_VOID))})\b)[a-z][^\s/>]*", re.I)
_NESTING = re.compile(r"<(/)?(?:table|ul|ol|dl|blockquote)\b", re.I)
_XHTML = re.compile(r"\A\s*(?:<\?xml|<!DOCTYPE[^>]*XHTML)|<html[^>]*xmlns", re.I)
_SELF_CLOSED = re.compile(r"<([a-z][\w:]*)((?:\s[^<>]*?)?)/>", re.I)
_NO_TEXT = frozenset({"script", "style", "template", "head", "title"})
_GAP = re.compile(r"(<img\b[^<>]*>\s*</a>)\s+(?=<)", re.I)
_NOT_SHOWN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|head|title)\b.*?(?:</\1\s*>|\Z)", re.I | re.S
)
_ANY_TAG = re.compile(r"<[!/?a-z][^<>]*>", re.I)
_BLOCKS = frozenset(
    [
        *["address", "article", "aside", "blockquote", "body", "br", "button", "caption", "center"],
        *["dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure"],
        *["footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li"],
        *["main", "menu", "nav", "ol", "option", "p", "pre", "section", "select", "summary"],
        *["table", "tbody", "td", "textarea", "tfoot", "th", "thead", "tr", "ul"],
    ]
)
_NESTS = frozenset({"table", "ul", "ol", "dl", "blockquote"})
_WRAPPERS = frozenset(
    [
        *["abbr", "article", "aside", "b", "big", "center", "div", "em", "fieldset", "font"],
        *["footer", "form", "header", "i", "main", "nav", "nobr", "s", "section", "small", "span"],
        *["strike", "strong", "sub", "sup", "tt", "u"],
    ]
)
"""Elements that can be dropped without loss except emphasis."""
_SHOWN_INPUTS = frozenset(
    [
        *["", "text", "search", "email", "tel", "url", "number", "date", "time", "datetime-local"],
        *["month", "week", "submit", "button", "reset"],
    ]
)


def flattened(page: str) -> tuple[str, bool]:
    """Return HTML of bounded depth, and whether elements were flattened."""
    if _bound(_TAG, page) <= DEPTH and _bound(_NESTING, page) <= TABLES:
        return page, False
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - rarely needed

    body = LexborHTMLParser(_expanded(page)).body
    if body is None:
        return page, False
    writer = _Writer()
    writer.write(body)
    return f"<html>{''.join(writer.parts)}</html>", writer.cut


def without_gaps(page: str) -> str:
    """Remove the space after image links, which crashes xberg 1.3.9."""
    return _GAP.sub(r"\1", page)


def plain_markdown(page: str) -> str:
    """Return the text of HTML as paragraphs, for a page on which xberg fails."""
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - rarely needed

    body = LexborHTMLParser(_expanded(page)).body
    lines = _paragraphs(body) if body is not None else ()
    return "\n\n".join(escaped(" ".join(line.split())) for line in lines) + "\n"


def read_markup(page: str, text: str, reading: Reading) -> None:
    """Add text of ``page`` that xberg's text lacks.

    Args:
        page: the original HTML.
        text: xberg's text without Markdown syntax.
        reading: receives the missing text.
    """
    shown = _ANY_TAG.sub(" ", _NOT_SHOWN.sub(" ", page))
    lower = page.lower()
    values, framed = "<input" in lower, "srcdoc" in lower
    if not values and not framed and not missing([html.unescape(shown)], text):
        return
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - rarely needed

    tree = LexborHTMLParser(_expanded(page))
    if tree.body is None:
        return
    for paragraph in missing(_paragraphs(tree.body), text):
        reading.put_back(paragraph)
    for frame in tree.css("iframe[srcdoc]") if framed else ():
        inner = LexborHTMLParser(frame.attributes.get("srcdoc") or "").body
        for paragraph in missing(_paragraphs(inner), text) if inner is not None else ():
            reading.put_back(paragraph)
    for field in tree.css("input[value]") if values else ():
        value = field.attributes.get("value") or ""
        kind = (field.attributes.get("type") or "").lower()
        if kind in _SHOWN_INPUTS and not contains(text, value):
            reading.add(Part.FORM_VALUES, [value], None, field.attributes.get("name") or "")


def _bound(tags: re.Pattern[str], page: str) -> int:
    """Return an upper bound of the depth of ``page``: every unclosed tag counts."""
    steps = (-1 if closing else 1 for closing in tags.findall(page))
    return max(accumulate(steps), default=0)


def _expanded(page: str) -> str:
    """Convert XHTML to HTML, in which an empty ``<title/>`` would have no end."""
    if not _XHTML.search(page[:2048]):
        return page
    return _SELF_CLOSED.sub(
        lambda m: m[0] if m[1].lower() in _VOID else f"<{m[1]}{m[2]}></{m[1]}>", page
    )


def _paragraphs(body: "LexborNode") -> Iterator[str]:
    """Yield the text of each block of a page."""
    line: list[str] = []
    hidden: int | None = None
    for node in _walk(body):
        entering, element, depth = node
        if hidden is not None:
            if not entering and depth == hidden:
                hidden = None
            continue
        if element.is_text_node:
            if entering:
                line.append(element.text_content or "")
        elif entering and element.tag in _NO_TEXT:
            hidden = depth
        elif element.tag in _BLOCKS:
            if text := "".join(line).strip():
                yield text
            line = []
    if text := "".join(line).strip():
        yield text


def _walk(root: "LexborNode") -> Iterator[tuple[bool, "LexborNode", int]]:
    """Enter and leave ``root`` and every node below it, without recursion."""
    node, depth = root, 0
    while True:
        yield True, node, depth
        if child := node.first_child:
            node, depth = child, depth + 1
            continue
        while True:
            yield False, node, depth
            if depth == 0:
                return
            if following := node.next:
                node = following
                break
            parent = node.parent
            if parent is None:
                return
            node, depth = parent, depth - 1


class _Writer:
    """Serializes a tree to HTML of bounded depth.

    Wrappers (``div``, ``font`` …) are dropped first, without loss. Structural elements that still
    lie deeper than `DEPTH` become lines of text.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.cut = False
        self._open = 0
        self._inserted_text = 0
        self._dropped: set[int] = set()

    def write(self, body: "LexborNode") -> None:
        """Serialize ``body`` and its content."""
        hidden: int | None = None
        for entering, node, depth in _walk(body):
            if hidden is not None:
                hidden = None if not entering and depth == hidden else hidden
            elif node.is_text_node:
                if entering:
                    self.parts.append(html.escape(node.text_content or "", quote=False))
            elif node.is_element_node and node.tag in _NO_TEXT:
                hidden = depth
            elif node.is_element_node:
                self._element(node, node.tag or "", entering=entering)

    def _element(self, node: "LexborNode", tag: str, *, entering: bool) -> None:
        if entering and self._too_deep(tag):
            self._dropped.add(node.mem_id)
            self.cut = self.cut or tag not in _WRAPPERS
        if node.mem_id in self._dropped:
            if tag in {"td", "th"}:
                self.parts.append(" ")
            elif tag in _BLOCKS and self.parts[-1:] != ["<br>"]:
                self.parts.append("<br>")
            return
        step = 1 if entering else -1
        self._open += step * (tag not in _VOID)
        self._inserted_text += step * (tag in _NESTS)
        self._tag(node, tag, entering=entering)

    def _too_deep(self, tag: str) -> bool:
        if tag in _WRAPPERS:
            return self._open >= WRAPPERS
        return self._open >= DEPTH or (self._inserted_text >= TABLES and tag in _BLOCKS)

    def _tag(self, node: "LexborNode", tag: str, *, entering: bool) -> None:
        if entering:
            given = "".join(
                f' {name}="{html.escape(value or "")}"' for name, value in node.attributes.items()
            )
            self.parts.append(f"<{tag}{given}>")
        elif tag not in _VOID:
            self.parts.append(f"</{tag}>")
