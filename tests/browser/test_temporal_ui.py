"""The Temporal Web UI of the embedded server in a real browser."""

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.conftest import CHROMIUM
from tests.fixtures.mill import Mill, write_texts

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install -y chromium")


async def test_temporal_ui_shows_a_summary_of_a_batch_and_why_an_item_failed(
    small_mill: Mill, ui_address: str, page: Page, tmp_path: Path
) -> None:
    folder = write_texts(tmp_path / "in", 2)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no document")
    async with small_mill.worker():
        batch = await small_mill.run(folder)
        await page.goto(f"{ui_address}/namespaces/default/workflows/{batch.id}")
        await page.get_by_text("process_item • broken.pdf").first.click()
        await page.get_by_text("The file cannot be read").first.wait_for()
        await page.get_by_text("User Metadata", exact=True).click()
        details = page.frame_locator("iframe").last  # the UI renders Markdown in a frame
        await details.get_by_text("3 of 3").wait_for()
        await details.get_by_text("broken.pdf: corrupt").wait_for()
