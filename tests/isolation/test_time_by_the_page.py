"""The time limit of a file grows with its pages."""

import pytest

from docmill.contracts.words import JobType
from docmill.engines.base import Limits
from docmill.errors import FailureClass, ItemFailure
from docmill.parameters import effective_parameters
from docmill.processing.limits import MARGIN_SECONDS, TURNS, engine_limits, item_timeout_seconds
from docmill.settings import Settings
from tests.engines import documents
from tests.engines.drawn import scanned
from tests.fixtures.engines import Bench

SETTINGS = Settings(
    engine_timeout_seconds=300,
    engine_timeout_page_seconds=2,
    engine_timeout_ocr_page_seconds=10,
    engine_timeout_max_seconds=1000,
    max_pages=50,
)


@pytest.mark.parametrize(
    ("harmless", "selection", "seconds"),
    [(2, {}, "1.75"), (3, {"target_pages": "3-4"}, "1.5"), (0, {}, "1.25")],
)
async def test_each_requested_page_adds_its_time(
    engines: Bench, harmless: int, selection: dict[str, str], seconds: str
) -> None:
    limits = Limits(seconds=1, seconds_per_page=0.25)

    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes(
            "hang.pdf",
            documents.hanging_pdf(harmless_pages=harmless),
            limits=limits,
            page_ranges=selection,
        )

    assert failed.value.failure_class is FailureClass.TIMEOUT
    assert f"after {seconds} seconds" in failed.value.message


async def test_pages_with_ocr_add_more_time(engines: Bench) -> None:
    book = scanned([f"The amber crate holds {n} lanterns" for n in range(20)])
    limits = Limits(seconds=2, seconds_per_ocr_page=20)  # two seconds would be too short

    run = await engines.parse_bytes("book.pdf", book, limits=limits)

    assert run.report.pages_ok == 20
    assert run.result.pages[19].text.split()[-2:] == ["19", "lanterns"]


async def test_pages_add_no_time_beyond_the_maximum(engines: Bench) -> None:
    limits = Limits(seconds=1, seconds_per_page=60, most_seconds=1.5)

    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes(
            "hang.pdf", documents.hanging_pdf(harmless_pages=2), limits=limits
        )

    assert "after 1.5 seconds" in failed.value.message


@pytest.mark.parametrize(
    ("timeouts", "base", "longest"),
    [
        ({}, 300, 900),
        ({"base_in_seconds": 20}, 20, 20),
        ({"base_in_seconds": 7200}, 1000, 1000),
        ({"base_in_seconds": 20, "extra_time_per_page_in_seconds": 2}, 20, 120),
        ({"extra_time_per_page_in_seconds": 300}, 300, 1000),
    ],
)
def test_activity_timeout_exceeds_the_engine_timeout(
    timeouts: dict[str, int], base: float, longest: float
) -> None:
    parameters = effective_parameters(JobType.PARSE, {"processing_control": {"timeouts": timeouts}})
    limits = engine_limits(parameters, SETTINGS)

    assert limits.seconds == base
    assert limits.wall_clock(SETTINGS.max_pages, SETTINGS.max_pages) == longest
    beside = SETTINGS.fetch_timeout_seconds + MARGIN_SECONDS
    assert item_timeout_seconds("local", parameters, SETTINGS) == longest * TURNS + beside
