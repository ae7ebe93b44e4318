"""``python -m bench.content FOLDER``: completeness of the Markdown of PDFs, and the cost of checks.

Words are counted in the text runs that the engine read, and in the page's Markdown, header and
footer. A missing word counts as found if its letters occur as often, as in a hyphenated word. The
engine's plain text is not used, because it joins words.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.harness import HEAD, Bench, Figure, Round, Row
from docmill.contracts.media_types import Media
from docmill.contracts.warnings import WarningCode
from docmill.engines.base import Document, Limits, ParsedPage, ParseResult
from docmill.engines.liteparse import pages, reader
from docmill.engines.liteparse.engine import LiteParseEngine
from docmill.engines.pdf import parts
from docmill.engines.text_check import letters_of, words_of
from docmill.errors import DocmillError

_NAMED = frozenset({WarningCode.TEXT_UNREADABLE, WarningCode.TIME_CUT})
_CHECKS = (
    (pages, "left_out"),
    (reader, "turned_of"),
    (reader, "is_unreadable"),
    (reader, "is_stamped_scan"),
    (reader.LiteParseReader, "_images_on"),
    (reader.LiteParseReader, "_scans_in_forms"),
    (reader.LiteParseReader, "_disordered"),
    (reader.LiteParseReader, "_lines_beyond_text"),
    (parts, "inventory_of"),
    (parts, "attachments"),
)
"""The functions that check content, by module and name."""


@dataclass
class Content:
    """Results for a folder.

    Attributes:
        documents: number of documents.
        pages: number of pages.
        words: number of words on these pages.
        missing: words that are not in the Markdown, the header, the footer or a warning.
        short_pages: pages that miss more than one word and more than 0.1% of their words.
        engine_seconds: CPU time of all parses.
        check_seconds: CPU time of the checks, which is part of ``engine_seconds``.
    """

    documents: int = 0
    pages: int = 0
    words: int = 0
    missing: int = 0
    short_pages: list[str] = field(default_factory=list)
    engine_seconds: float = 0.0
    check_seconds: float = 0.0

    def as_round(self) -> Round:
        """Return the results by the names in the rows of `FIGURE`."""
        return {
            "documents": self.documents,
            "pages": self.pages,
            "words found": 100 * (1 - self.missing / max(self.words, 1)),
            "short pages": len(self.short_pages),
            "checks": 100 * self.check_seconds / max(self.engine_seconds, 1e-9),
        }


async def _measure(bench: Bench) -> AsyncIterator[Round]:
    """Count once: the words are the same in each round."""
    found = await asyncio.to_thread(lambda: measure(sorted(bench.source.rglob("*.pdf"))))
    yield found.as_round()


FIGURE = Figure(
    "content",
    (
        Row("PDFs whose words were counted", "documents", unit="files"),
        Row("pages of them", "pages"),
        Row("words in Markdown, header or footer", "words found", unit="%"),
        Row("pages that miss more than one word and 0.1%", "short pages"),
        Row("checks of content, of the engine's processor time", "checks", unit="%", at_most=5),
    ),
    _measure,
)


def measure(paths: list[Path], *, ocr: bool = False) -> Content:
    """Parse PDFs in this process and count.

    Args:
        paths: of the PDFs; those that cannot be read are left out.
        ocr: also recognise text; without it the share of the checks is the largest possible.
    """
    content = Content()
    for path in paths:  # a child reads hundreds of files, and loads each library once
        with suppress(DocmillError):
            _parsed(path, ocr=False)
    with ExitStack() as stack:
        timed = stack.enter_context(_timed())
        seen = stack.enter_context(_watched())
        for path in paths:
            began = time.process_time()
            try:
                result = _parsed(path, ocr=ocr)
            except DocmillError:
                continue
            content.engine_seconds += time.process_time() - began
            content.documents += 1
            named = {w.page for w in result.warnings if w.code in _NAMED}
            for page in result.pages:
                if page.success and page.page_number not in named:
                    _count(content, page, seen[page.page_number], path.name)
        content.check_seconds = timed[0]
    return content


def _parsed(path: Path, *, ocr: bool) -> ParseResult:
    document = Document(path, path.name, Media.PDF)
    return LiteParseEngine().run(document, {"disable_ocr": not ocr}, Limits())


def missing_words(page: ParsedPage, seen: str) -> Counter[str]:
    """Return the words of a page that are not in its Markdown, header or footer.

    Args:
        page: of the result.
        seen: its runs of text, as the engine saw them.
    """
    edges = [*(page.header or "").split("\n"), *(page.footer or "").split("\n")]
    lines = {line.strip("#* ") for line in page.markdown.splitlines()}
    rest = [line for line in edges if line not in lines]
    rendering = "\n".join((page.markdown, *rest))
    missing = Counter(words_of(seen)) - Counter(words_of(rendering))
    if not missing:
        return missing
    source, made = letters_of(seen), letters_of(rendering)
    found = {w for w in missing if made.count(w) + made.count(w[::-1]) >= source.count(w)}
    return Counter({word: times for word, times in missing.items() if word not in found})


def _count(content: Content, page: ParsedPage, seen: str, name: str) -> None:
    words = len(words_of(seen))
    missing = missing_words(page, seen).total()
    content.pages += 1
    content.words += words
    content.missing += missing
    if missing > max(1, words // 1000):
        content.short_pages.append(f"{name} page {page.page_number}: {missing} of {words}")


@contextmanager
def _watched() -> Iterator[dict[int, str]]:
    """Collect the text runs of each page that is read, by page number."""
    seen: dict[int, str] = {}
    read = pages.PageReader.read

    def watching(self: Any, page: Any, *further: Any) -> Any:
        seen[page.page_num] = " ".join(item.text for item in page.text_items)
        return read(self, page, *further)

    with patch.object(pages.PageReader, "read", watching):
        yield seen


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Measure the CPU time of the checks."""
    seconds = [0.0]

    def timing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            began = time.process_time()
            try:
                return function(*args, **options)
            finally:
                seconds[0] += time.process_time() - began

        return call

    with ExitStack() as stack:
        for module, name in _CHECKS:
            stack.enter_context(patch.object(module, name, timing(getattr(module, name))))
        yield seconds


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.content", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ocr", action="store_true", help="also recognise text")
    args = parser.parse_args()
    found = measure(sorted(args.folder.rglob("*.pdf")), ocr=args.ocr)
    lines = [row.line(FIGURE.name, [found.as_round()]) for row in FIGURE.rows]
    sys.stdout.write(HEAD + "".join(lines))
    sys.stdout.write("".join(f"{line}\n" for line in found.short_pages))


if __name__ == "__main__":
    main()
