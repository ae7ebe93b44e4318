"""Downloadable forms of a parse result."""

from collections.abc import Callable

from docmill.api import parse_views
from docmill.engines.base import ParseResult
from docmill.engines.beside import (
    CONCATENATED_FILE,
    PDF_FILE,
    STRIPPED_FILE,
    WORDS_FILE,
    WORKBOOK_FILE,
)

CONTENTS = {
    "text": "text_content_metadata",
    "markdown": "markdown_content_metadata",
    "items": "items_content_metadata",
    "metadata": "metadata_content_metadata",
    "forms": "forms_content_metadata",
    "raw_words": "raw_words_content_metadata",
    "xlsx": "xlsx_content_metadata",
    "outputPDF": "output_pdf_content_metadata",
    "stripped_markdown": "stripped_markdown_content_metadata",
    "concatenated_stripped_markdown": "concatenated_stripped_markdown_content_metadata",
}
"""Each form's name, and the ``expand`` value that asks for it."""

_RENDERERS: dict[str, tuple[str, Callable[[ParseResult], str]]] = {
    "text": ("text/plain; charset=utf-8", parse_views.text_full),
    "markdown": ("text/markdown; charset=utf-8", parse_views.markdown_full),
    "items": ("application/json", lambda result: parse_views.items(result).model_dump_json()),
    "metadata": (
        "application/json",
        lambda result: parse_views.metadata(result).model_dump_json(),
    ),
}


STORED: dict[str, tuple[str, str]] = {
    "stripped_markdown": (STRIPPED_FILE, "application/json"),
    "concatenated_stripped_markdown": (CONCATENATED_FILE, "text/plain; charset=utf-8"),
    "outputPDF": (PDF_FILE, "application/pdf"),
    "raw_words": (WORDS_FILE, "application/jsonl"),
    "xlsx": (
        WORKBOOK_FILE,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}
"""The file, and its content type, of each form that was written with the result."""


def media_type_of(name: str) -> str:
    """Return the content type of a form that is rendered."""
    return _RENDERERS[name][0]


def stored_file(name: str, result: ParseResult) -> tuple[str, str] | None:
    """Return file and content type of a form that lies beside the result; None if it does not."""
    file = STORED.get(name)
    return file if file is not None and file[0] in result.files else None


def stored_image(filename: str, result: ParseResult) -> tuple[str, str] | None:
    """Return file and content type of an image; None when there is none of that name."""
    found = (image for image in result.images if image.filename == filename)
    return next(((image.filename, image.content_type) for image in found), None)


def render(name: str, result: ParseResult) -> bytes | None:
    """Return one form of ``result``; None when local engines do not make it."""
    if name not in _RENDERERS:
        return None
    return _RENDERERS[name][1](result).encode()
