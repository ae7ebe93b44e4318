"""Calls of LiteParse, and translation of its errors."""

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docmill.engines import parameters
from docmill.engines.liteparse import ocr_languages
from docmill.engines.liteparse.ocr_languages import OcrLanguages
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import liteparse

_ENCRYPTED = re.compile(r"password|security handler|encrypt", re.I)
_OUT_OF_MEMORY = re.compile(r"out of memory|memory limit|allocation|cannot allocate", re.I)


class NativeParser:
    """Calls LiteParse with the options of one parse.

    Results have the fields that `docmill.engines.liteparse.results` converts.
    """

    def __init__(self, given: dict[str, Any], languages: OcrLanguages) -> None:
        """Create a parser for parse parameters.

        Args:
            given: the parameters of the parse.
            languages: data for text recognition.
        """
        self._options = _options(given)
        self._words = parameters.WORDS in parameters.requested(given)
        self._languages = languages

    def read(self, path: Path, *, movable: bool = False, **options: Any) -> "liteparse.ParseResult":
        """Read the text layer of a document.

        Args:
            path: of the document.
            movable: whether the boxes of its text are to be changed.
            options: further ones of LiteParse.

        Raises:
            ItemFailure: ENCRYPTED, CORRUPT or OUT_OF_MEMORY.
        """
        return self._parse(path, movable=movable, ocr_enabled=False, **options)

    def recognise(self, path: Path, **options: Any) -> "liteparse.ParseResult":
        """Recognise the text of a document's images; boxes of text can be changed.

        Raises:
            ItemFailure: as `read`.
        """
        return self._parse(
            path,
            movable=True,
            ocr_enabled=True,
            ocr_language=self._languages.codes,
            tessdata_path=str(ocr_languages.data_folder()),
            ocr_failure_fatal=False,
            num_workers=1,  # a child process is one slot
            **options,
        )

    def _parse(self, path: Path, *, movable: bool, **options: Any) -> "liteparse.ParseResult":
        # A child process without PDFs never loads pdfium.
        from docmill.engines.liteparse.results import result_of

        parser = _parser(**self._options, **options)
        try:
            # Its own `parse` would convert everything to Python objects; the version is pinned.
            native = parser._native.parse(str(path.absolute()))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - native errors have no class
            raise failure_of(str(error)) from None
        return result_of(native, movable=movable, words=self._words)


@lru_cache(maxsize=2)
def _parser(**options: Any) -> "liteparse.LiteParse":
    """Return a LiteParse with ``options``, which must be hashable.

    It is cached: it owns threads, and consecutive files usually have the same options, except for
    whether their images are measured.
    """
    import liteparse

    return liteparse.LiteParse(
        output_format="markdown",
        continue_on_page_error=True,
        extract_blocks=True,
        extract_document_metadata=True,
        quiet=True,
        **options,
    )


def count_pages(path: Path) -> int:
    """Return the number of pages of a document, reading only the first page.

    Raises:
        ItemFailure: ENCRYPTED, CORRUPT or OUT_OF_MEMORY.
    """
    import liteparse

    parser = liteparse.LiteParse(ocr_enabled=False, quiet=True, max_pages=1)
    try:
        return int(parser.parse(path).total_pages)
    except liteparse.ParseError as error:
        raise failure_of(str(error)) from None


def failure_of(message: str) -> ItemFailure:
    """Translate an error of LiteParse to a failure of the item."""
    if _ENCRYPTED.search(message):
        return ItemFailure(FailureClass.ENCRYPTED)
    if _OUT_OF_MEMORY.search(message):
        return ItemFailure(FailureClass.OUT_OF_MEMORY)
    return ItemFailure(FailureClass.CORRUPT, f"The file cannot be read: {message}.")


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that LiteParse accepts unchanged."""
    found = dict(parameters.leaves(given))
    options: dict[str, Any] = {}
    if parameters.SKIP_DIAGONAL_TEXT in found:
        options["skip_diagonal_text"] = True
    if parameters.WORDS in parameters.requested(given):
        options["emit_word_boxes"] = True
    markdown = (given.get("output_options") or {}).get("markdown") or {}
    if markdown.get("annotate_links") is False:
        options["extract_links"] = False
    if parameters.KEEP_SMALL_TEXT in found:
        options["preserve_very_small_text"] = True
    crop = given.get(parameters.CROP_BOX) or {}
    sides = tuple(float(crop.get(side) or 0) for side in ("top", "right", "bottom", "left"))
    return options | ({"crop_box": sides} if any(sides) else {})
