"""Calls of xberg: configuration, limits, and translation of its errors."""

import asyncio
import re
from typing import TYPE_CHECKING

from docmill.contracts.media_types import Media
from docmill.engines.base import Limits
from docmill.engines.office.grid import too_many_cells
from docmill.errors import FailureClass, ItemFailure

if TYPE_CHECKING:
    import xberg

_ENCRYPTED = re.compile(r"password|encrypt|decrypt", re.I)
_CELLS = re.compile(r"cell limit exceeded: observed (\d+)", re.I)
_TOO_LARGE_INSIDE = re.compile(r"security limit|exceeds limit|zip bomb|compression ratio", re.I)
_OUT_OF_MEMORY = re.compile(r"out of memory|cannot allocate", re.I)
_MIB = 2**20
_ANY_RATIO = 2000
"""High enough never to apply: Deflate reaches 1032, and ``unpacked_bytes`` bounds the size."""
_ANY_COUNT = 2**31
_PANIC = re.compile(r"\bpanic", re.I)


def extract(
    data: bytes,
    media_type: str,
    limits: Limits,
    *,
    with_images: bool = False,
    without_navigation: bool = False,
) -> "xberg.ExtractedDocument":
    """Convert ``data`` to Markdown with xberg.

    Args:
        data: the document; HTML in UTF-8.
        media_type: media type of ``data``.
        limits: ``cells`` and ``unpacked_bytes`` apply.
        with_images: whether to extract embedded images.
        without_navigation: whether to drop navigation elements of HTML.

    Raises:
        ItemFailure: ENCRYPTED, CORRUPT, LIMIT_EXCEEDED, OUT_OF_MEMORY or ENGINE_ERROR.
    """
    import xberg  # noqa: PLC0415 - loaded only for office files

    config = xberg.ExtractionConfig(
        disable_ocr=True,
        use_cache=False,
        output_format="markdown",
        pages=xberg.PageConfig(extract_pages=True),
        images=xberg.ImageExtractionConfig(run_ocr_on_images=False) if with_images else None,
        security_limits=_security(limits),
        html_options=xberg.ConversionOptions(
            # Without this, the Markdown of HTML begins with a block of its meta tags.
            extract_metadata=False,
            preprocessing=xberg.PreprocessingOptions(
                enabled=without_navigation, remove_forms=False
            ),
        ),
    )
    # Pass bytes, never an address: xberg contains an HTTP client.
    given = xberg.ExtractInput(kind="bytes", bytes=data, mime_type=media_type)
    try:
        extraction = asyncio.run(xberg.extract(given, config))
    except (RuntimeError, xberg.XbergError) as error:
        raise _failure_of(str(error), limits) from None
    except Exception as error:  # noqa: BLE001 - the class of a Rust panic is not exported
        message = f"The engine crashed on this file: {error}."
        raise ItemFailure(FailureClass.ENGINE_ERROR, message) from None
    if extraction.errors or not extraction.results:
        raise _failure_of("; ".join(error.message for error in extraction.errors), limits)
    return extraction.results[0]


def _security(limits: Limits) -> "xberg.SecurityLimits":
    import xberg  # noqa: PLC0415

    return xberg.SecurityLimits(
        max_table_cells=limits.cells,
        max_archive_size=limits.unpacked_bytes,
        max_content_size=limits.unpacked_bytes,
        max_compression_ratio=_ANY_RATIO,
        max_iterations=_ANY_COUNT,
    )


def check_size(page: str | bytes, limits: Limits) -> None:
    """Reject HTML above the size limit: xberg's run time grows faster than the size.

    Raises:
        ItemFailure: LIMIT_EXCEEDED.
    """
    if len(page) > limits.html_bytes:
        raise ItemFailure(
            FailureClass.LIMIT_EXCEEDED,
            f"The HTML has {len(page) / _MIB:.1f} MiB; the limit is "
            f"{limits.html_bytes / _MIB:g} MiB: raise DOCMILL_MAX_HTML_MB.",
        )


def _failure_of(message: str, limits: Limits) -> ItemFailure:
    if found := _CELLS.search(message):
        return too_many_cells(found[1], limits.cells)
    if _ENCRYPTED.search(message):
        return ItemFailure(FailureClass.ENCRYPTED)
    if _OUT_OF_MEMORY.search(message):
        return ItemFailure(FailureClass.OUT_OF_MEMORY)
    if _TOO_LARGE_INSIDE.search(message):
        return ItemFailure(
            FailureClass.LIMIT_EXCEEDED,
            f"The file unpacks to too much: {message}; the limit is "
            f"{limits.unpacked_bytes / _MIB:g} MiB: raise DOCMILL_MAX_UNPACKED_MB.",
        )
    if _PANIC.search(message):
        return ItemFailure(
            FailureClass.ENGINE_ERROR, f"The engine crashed on this file: {message}."
        )
    return ItemFailure(FailureClass.CORRUPT, f"The file cannot be read: {message}.")


NESTED = {
    ".docx": Media.DOCX, ".docm": Media.DOCX, ".dotx": Media.DOCX, ".rtf": Media.RTF,
    ".htm": Media.HTML, ".html": Media.HTML, ".xhtml": Media.HTML, ".mht": Media.EML,
    ".mhtml": Media.EML, ".eml": Media.EML, ".doc": Media.DOC, ".odt": Media.ODT,
}  # fmt: skip
"""Media type of an inserted document by the extension of its part."""
