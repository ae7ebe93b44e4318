"""HTML for an engine that loses what nests deep, and a second reading of its text.

xberg leaves out what lies deeper than about 60 elements (30 for tables, 40 for lists), and old
pages nest like that: tags that are never closed. A cheap bound over the tags tells pages that
cannot nest so deep; the others are parsed as browsers do (Lexbor), and what still lies deeper
than `DEPTH` is written as plain paragraphs.
"""

import html
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from docmill.engines.office.passages import Part, Reading, escaped
from docmill.engines.office.words import holds, missing

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

DEPTH = 50
"""Elements below ``body``; xberg begins to lose text somewhat deeper."""
TABLES = 10
"""Tables in tables, and lists in lists; each takes several of the engine's levels."""
WRAPPERS = 20
"""Elements below ``body`` from which on wrappers are left out, to leave room for structure."""

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
"""Elements without which nothing is lost but emphasis."""
_SHOWN_INPUTS = frozenset(
    [
        *["", "text", "search", "email", "tel", "url", "number", "date", "time", "datetime-local"],
        *["month", "week", "submit", "button", "reset"],
    ]
)


def flattened(page: str) -> tuple[str, bool]:
    """Return HTML that nests no deeper than the engine reads, and whether that changed it."""
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
    """Return HTML without the space behind links of pictures, at which xberg 1.3.9 breaks."""
    return _GAP.sub(r"\1", page)


def plain_markdown(page: str) -> str:
    """Return the text of HTML as paragraphs, for a page on which the engine fails."""
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - rarely needed

    body = LexborHTMLParser(_expanded(page)).body
    lines = _paragraphs(body) if body is not None else ()
    return "\n\n".join(escaped(" ".join(line.split())) for line in lines) + "\n"


def read_markup(page: str, text: str, reading: Reading) -> None:
    """Put back what stands in ``page`` and not in the engine's text.

    Args:
        page: the HTML as it was.
        text: the engine's, without Markdown's marks.
        reading: takes what is missing.
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
        if kind in _SHOWN_INPUTS and not holds(text, value):
            reading.add(Part.FORM_VALUES, [value], None, field.attributes.get("name") or "")


def _bound(tags: re.Pattern[str], page: str) -> int:
    """How deep ``page`` can nest: every tag that is not closed counts."""
    steps = (-1 if closing else 1 for closing in tags.findall(page))
    return max(accumulate(steps), default=0)


def _expanded(page: str) -> str:
    """XHTML as HTML: there an empty ``<title/>`` would have no end."""
    if not _XHTML.search(page[:2048]):
        return page
    return _SELF_CLOSED.sub(
        lambda m: m[0] if m[1].lower() in _VOID else f"<{m[1]}{m[2]}></{m[1]}>", page
    )


def _paragraphs(body: "LexborNode") -> Iterator[str]:
    """The text of a page, from block to block."""
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
    """Enter and leave every node below and with ``root``, without recursion."""
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
    """Writes a tree as HTML again, so that nothing in it nests deeper than the engine reads.

    Wrappers (``div``, ``font`` …) give way first: without them nothing is lost. Only what carries
    structure and still lies deeper than `DEPTH` becomes lines of text.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.cut = False
        self._open = 0
        self._nested = 0
        self._dropped: set[int] = set()

    def write(self, body: "LexborNode") -> None:
        """Write ``body`` and what is in it."""
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
        self._nested += step * (tag in _NESTS)
        self._tag(node, tag, entering=entering)

    def _too_deep(self, tag: str) -> bool:
        if tag in _WRAPPERS:
            return self._open >= WRAPPERS
        return self._open >= DEPTH or (self._nested >= TABLES and tag in _BLOCKS)

    def _tag(self, node: "LexborNode", tag: str, *, entering: bool) -> None:
        if entering:
            given = "".join(
                f' {name}="{html.escape(value or "")}"' for name, value in node.attributes.items()
            )
            self.parts.append(f"<{tag}{given}>")
        elif tag not in _VOID:
            self.parts.append(f"</{tag}>")
