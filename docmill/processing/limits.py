"""Resource limits of one item, from the settings and its parameters."""

from typing import Any

from docmill.contracts.names import REMOTE_ENGINES_QUEUE
from docmill.engines.base import Limits
from docmill.engines.choice import engine_queue
from docmill.settings import MIB, Settings

TURNS = 4
"""Factor for slices of a large document, which take turns with the files of others."""
MARGIN_SECONDS = 300.0
"""Time besides the engine: reading, hashing and storing a file of the maximum size."""

_COUNT_FROM_BYTES = MIB
"""Counting the pages of a PDF takes 1 to 2% of the time of reading them. Smaller files are normally
read in a small part of the fixed limit, and have no more than that."""


def engine_limits(parameters: dict[str, Any], settings: Settings) -> Limits:
    """Return the limits of one run of an engine.

    ``processing_control.timeouts`` overrides the operator's default, up to the operator's maximum:
    a base for the file, plus a time for each requested page. Without it, the operator's times per
    page apply.
    """
    asked = (parameters.get("processing_control") or {}).get("timeouts") or {}
    base = asked.get("base_in_seconds")
    extra = asked.get("extra_time_per_page_in_seconds")
    by_default = base is None and extra is None
    most = max(settings.engine_timeout_max_seconds, settings.engine_timeout_seconds)
    page, ocr_page = settings.engine_timeout_page_seconds, settings.engine_timeout_ocr_page_seconds
    return Limits(
        seconds=min(float(base or settings.engine_timeout_seconds), most),
        seconds_per_page=page if by_default else float(extra or 0),
        seconds_per_ocr_page=ocr_page if by_default else 0.0,
        count_from_bytes=_COUNT_FROM_BYTES if by_default else 0,
        most_seconds=most,
        memory_bytes=settings.engine_memory_mb * MIB,
        output_bytes=settings.engine_output_mb * MIB,
        folder_bytes=settings.engine_folder_mb * MIB,
        pages=settings.max_pages,
        cells=settings.max_cells,
        html_bytes=settings.max_html_mb * MIB,
        unpacked_bytes=settings.max_unpacked_mb * MIB,
    )


def item_timeout_seconds(engine: str, parameters: dict[str, Any], settings: Settings) -> float:
    """Return the start-to-close timeout of an item: fetch, maximum engine time, and a margin.

    The number of pages is not known yet, so the limits are computed for the maximum, all with OCR,
    on a shared machine. Lost workers are detected by heartbeats, much earlier.
    """
    limits = engine_limits(parameters, settings)
    longest = limits.wall_clock(limits.pages, limits.pages) * TURNS
    if engine_queue(engine) == REMOTE_ENGINES_QUEUE:
        longest += settings.remote_timeout_seconds
    return longest + settings.fetch_timeout_seconds + MARGIN_SECONDS
