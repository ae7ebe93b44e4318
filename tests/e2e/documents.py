"""The documents of the batch: of several kinds, all different, each with a word of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.engines.documents import odt, pdf
from tests.engines.drawn import saved, written

KINDS = (
    *("txt", "pdf", "png", "md", "pdf", "csv", "odt", "txt", "pdf", "png"),
    *("txt", "html", "pdf", "csv", "odt", "txt", "pdf", "png", "md", "broken"),
)
"""Kinds in turn. Scans take most of the time: text is recognised on them."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file of the batch.

    Attributes:
        word: what its result must contain; empty for a scan, on which a word may be misread.
        is_broken: whether it must fail.
    """

    name: str
    content: bytes
    word: str
    is_broken: bool = False


def documents(count: int, first: int = 0) -> Iterator[Document]:
    """Yield this many documents; the kinds are spread evenly over their order by name.

    Args:
        count: their number.
        first: number of the first one. Documents of other numbers are different ones.
    """
    for number in range(first, first + count):
        kind = KINDS[number % len(KINDS)]
        word = f"word{number:05}"
        name = f"{number:05}.{'pdf' if kind == 'broken' else kind}"
        yield Document(name, _content(kind, word), "" if kind == "png" else word, kind == "broken")


def _content(kind: str, word: str) -> bytes:
    text = f"This document is about {word} and nothing else."
    if kind == "pdf":
        return pdf(text, "Its second page.")
    if kind == "png":
        return saved(written([text, "It was typed, printed and scanned."] * 6), "PNG")
    if kind == "odt":
        return odt("A title", text)
    texts = {
        "csv": f"name,number\n{word},1\nother,2\n",
        "html": f"<html><body><h1>A title</h1><p>{text}</p></body></html>",
        "broken": f"%PDF-1.4\n{word}",
        "md": f"# A title\n\n{text}\n",
        "txt": text,
    }
    return texts[kind].encode()
