"""A corpus of drawn PDFs: every word of every page is in its Markdown, header or footer."""

import random
from collections.abc import Callable
from pathlib import Path

from bench import content
from docmill.contracts.media_types import Media
from docmill.engines.base import Document, Limits, ParseResult
from docmill.engines.liteparse.engine import LiteParseEngine
from tests.engines.drawn import Pdf, line, lines

DOCUMENTS = 60
_SYLLABLES = [a + b for a in "bdfgklmnprstv" for b in "aeiou"]


class _Author:
    """Writes pages whose words all differ, and knows them."""

    def __init__(self, seed: int) -> None:
        self._choose = random.Random(seed)
        self._used: set[str] = set()
        self.words: list[set[str]] = []

    def document(self) -> bytes:
        """Return a PDF; the words of its pages are in `words`."""
        pdf = Pdf()
        edges = self._choose.sample(self._edges(), 2)
        for number in range(self._choose.randint(1, 4)):
            self.words.append(set())
            parts = self._choose.sample(self._parts(), self._choose.randint(1, 4))
            edge = "".join(line(f"{text} {number + 1}", at) for text, at in edges)
            pdf.page(edge + "".join(part() for part in parts))
        return pdf.bytes()

    def _text(self, count: int) -> str:
        words: list[str] = []
        while len(words) < count:
            word = "".join(self._choose.choices(_SYLLABLES, k=self._choose.randint(3, 5)))
            if word not in self._used:
                self._used.add(word)
                words.append(word)
        self.words[-1].update(words)
        return " ".join(words)

    def _edges(self) -> list[tuple[str, tuple[float, float]]]:
        return [
            ("Harbour handbook", (72, 770)),
            ("Invoice of the third of June, sheet", (72, 755)),
            ("Confidential copy", (400, 775)),
            ("Page", (290, 25)),
            ("-", (300, 15)),
        ]

    def _parts(self) -> list[Callable[[], str]]:
        """What can stand on a page, each at a place of its own."""
        return [
            lambda: lines([self._text(5) for _ in range(6)], (72, 720)),
            self._columns,
            self._table,
            lambda: line(self._text(3), (590, 100), turn=90),
            lambda: line(self._text(3), (40, 400), turn=270),
            lambda: line(self._text(3), (500, 340), turn=180),
            lambda: f"BT /F1 20 Tf .8 .6 -.6 .8 150 150 Tm ({self._text(1)}) Tj ET\n",
            lambda: lines([self._text(7) for _ in range(2)], (72, 60), size=6, step=8),
        ]

    def _columns(self) -> str:
        return "".join(
            lines([self._text(2) for _ in range(10)], (x, 610), size=9) for x in (72, 330)
        )

    def _table(self) -> str:
        cells = ((column, row) for row in range(4) for column in range(4))
        return "".join(
            line(self._text(1), (72 + 120 * column, 430 - 18 * row)) for column, row in cells
        )


def _parsed(path: Path) -> ParseResult:
    return LiteParseEngine().run(Document(path, path.name, Media.PDF), {}, Limits())


def test_every_word_of_a_corpus_is_in_its_markdown(tmp_path: Path) -> None:
    for seed in range(DOCUMENTS):
        author = _Author(seed)
        path = tmp_path / f"{seed:03}.pdf"
        path.write_bytes(author.document())

        pages = _parsed(path).pages

        for page, words in zip(pages, author.words, strict=True):
            rendering = "\n".join((page.markdown, page.header or "", page.footer or ""))
            assert {word for word in words if word not in rendering} == set(), path
            assert not content.missing_words(page, page.text), path


def test_content_benchmark_counts_documents_words_and_check_time(tmp_path: Path) -> None:
    for seed in range(5):
        (tmp_path / f"{seed}.pdf").write_bytes(_Author(seed).document())
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4")

    found = content.measure(sorted(tmp_path.glob("*.pdf")))

    assert (found.documents, found.missing, found.short_pages) == (5, 0, [])
    assert found.words > 100
    assert 0 < found.check_seconds < found.engine_seconds
