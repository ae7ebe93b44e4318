"""The report in a real browser."""

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page

from docmill.contracts.warnings import WarningCode, warning
from docmill.contracts.words import BatchStatus
from docmill.outputs.report import write_report
from docmill.outputs.report_data import BatchFacts, ReportData
from tests.browser.conftest import CHROMIUM
from tests.outputs.rows import START, row

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install -y chromium")


async def test_warnings_and_entries_left_out_are_visible_and_can_be_expanded(
    page: Page, tmp_path: Path
) -> None:
    facts = BatchFacts(
        "bat-1",
        "papers",
        "parse",
        BatchStatus.COMPLETED,
        started_at=START,
        ended_at=START + timedelta(seconds=10),
        left_out={"symlink": {"count": 1, "names": ["link to a.pdf"]}},
    )
    data = ReportData(facts)
    for number in range(5):
        no_text = [warning(WarningCode.NO_TEXT, "No text came from the document.")]
        data.add(row(f"scan {number}.pdf", warnings=no_text))
    write_report(tmp_path / "report.html", data)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    await page.goto((tmp_path / "report.html").as_uri())
    group = page.locator("article", has_text="No text")

    assert await group.get_by_text("scan 3.pdf").is_hidden()
    await group.get_by_text("Which files").click()
    assert await group.get_by_text("scan 3.pdf").is_visible()
    link = group.get_by_role("link", name="scan 3.pdf")
    assert await link.get_attribute("href") == "./scan%203.pdf.json"
    assert await page.get_by_text("Left out of the listing").is_visible()
    assert await page.get_by_text("link to a.pdf").is_visible()
    assert errors == []
