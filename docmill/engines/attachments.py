"""Attachments of a result: optional files next to ``result.json``, and the hashes of all files."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docmill.contracts.media_types import Media
from docmill.contracts.warnings import WarningCode, warning
from docmill.engines import parameters
from docmill.engines.base import Document, ParseResult
from docmill.engines.markdown import plain_text
from docmill.errors import FailureClass, ItemFailure

STRIPPED_FILE = "stripped.json"
"""Each page without Markdown syntax."""
CONCATENATED_FILE = "concatenated.txt"
"""All pages without Markdown syntax, as one text."""
PDF_FILE = "output.pdf"
WORDS_FILE = "words.jsonl"
"""Every word with its page and its box in points, one per line. The engine writes it."""
WORKBOOK_FILE = "tables.xlsx"
"""The tables as a workbook. No local engine writes it."""
STRIPPED_BREAK = "\n\n---\n\n"
"""Separator of pages in `CONCATENATED_FILE`, as in LlamaCloud."""


def write_attachments(
    result: ParseResult, document: Document, given: dict[str, Any]
) -> ParseResult:
    """Write the attachments that ``given`` requests; return the result with their names.

    Images of pages that were not requested are removed from the result.
    """
    folder = document.output_dir
    requested = frozenset(parameters.requested(given))
    if folder is None:
        return result
    files = dict(result.files)
    warnings = list(result.warnings)
    pages = []
    if requested & {parameters.STRIPPED_MARKDOWN, parameters.CONCATENATED_TEXT}:
        pages = [(page.page_number, plain_text(page.markdown)) for page in result.pages]
    if parameters.STRIPPED_MARKDOWN in requested:
        stripped = [{"page_number": number, "markdown": text} for number, text in pages]
        text = json.dumps({"pages": stripped}, ensure_ascii=False)
        (folder / STRIPPED_FILE).write_text(text, encoding="utf-8")
        files[STRIPPED_FILE] = ""
    if parameters.CONCATENATED_TEXT in requested:
        text = result.joining.join(pages, STRIPPED_BREAK)
        (folder / CONCATENATED_FILE).write_text(text, encoding="utf-8", newline="")
        files[CONCATENATED_FILE] = ""
    if parameters.OUTPUT_PDF in requested and document.media_type == Media.PDF:
        shutil.copyfile(document.path, folder / PDF_FILE)
        files[PDF_FILE] = ""
    elif parameters.OUTPUT_PDF in requested:
        message = f"Only a PDF can be saved as PDF; {parameters.OUTPUT_PDF} had no effect."
        warnings.append(warning(WarningCode.PARAMETER_NOT_HONOURED, message))
    numbers = {page.page_number for page in result.pages}
    images = [i for i in result.images if i.page_number is None or i.page_number in numbers]
    return result.model_copy(update={"files": files, "warnings": warnings, "images": images})


def hashes_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the sha256 of each file that a result names.

    Raises:
        ItemFailure: ENGINE_ERROR when the engine did not write a file that it names.
    """
    found: dict[str, str] = {}
    for name in sorted(names):
        path = folder / name
        plain = name == Path(name).name and not name.startswith(".")
        if not plain or path.is_symlink() or not path.is_file():
            raise ItemFailure(
                FailureClass.ENGINE_ERROR, f"The engine names a file that it did not write: {name}."
            )
        with path.open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
