"""The Temporal Web UI of the embedded server in a real browser."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Page
from pydantic import SecretStr

from docmill.codec_server import create_app
from docmill.embedded.addresses import listen, url_of
from docmill.settings import Settings
from tests.browser.conftest import CHROMIUM
from tests.fixtures.mill import Mill, write_texts
from tests.temporal.test_encryption import KEY, with_keys

BROWSER_SETTING = """endpoint => {
    localStorage.setItem("endpoint", JSON.stringify(endpoint));
    localStorage.setItem("overrideRemoteCodecConfiguration", "true");
}"""
"""What the UI's dialog for a codec server saves, with *use my browser setting*."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install -y chromium")


async def _run(mill: Mill, folder: Path) -> str:
    """Run a batch with a file that fails, and return its id."""
    write_texts(folder, 2)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no document")
    return (await mill.run(folder)).id


async def _read(page: Page, url: str) -> None:
    """Find the summary of the batch and why its item failed."""
    await page.goto(url)
    await page.get_by_text("process_item • broken.pdf").first.click()
    await page.get_by_text("The file cannot be read").first.wait_for()
    await page.get_by_text("User Metadata", exact=True).click()
    details = page.frame_locator("iframe").last  # the UI renders Markdown in a frame
    await details.get_by_text("3 of 3").wait_for()
    await details.get_by_text("broken.pdf: corrupt").wait_for()


async def test_temporal_ui_shows_a_summary_of_a_batch_and_why_an_item_failed(
    small_mill: Mill, ui_address: str, page: Page, tmp_path: Path
) -> None:
    async with small_mill.worker():
        batch_id = await _run(small_mill, tmp_path / "in")
        await _read(page, f"{ui_address}/namespaces/default/workflows/{batch_id}")


@asynccontextmanager
async def codec_server(ui_address: str) -> AsyncIterator[str]:
    """Run a codec server in this process."""
    app = create_app(Settings(payload_keys=SecretStr(KEY)), [ui_address])
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            await serving


async def test_temporal_ui_shows_the_same_through_the_codec_server(
    small_mill: Mill, ui_address: str, page: Page, tmp_path: Path
) -> None:
    keyed = with_keys(small_mill, KEY)
    async with codec_server(ui_address) as endpoint, keyed.worker():
        batch_id = await _run(keyed, tmp_path / "in")
        url = f"{ui_address}/namespaces/default/workflows/{batch_id}"
        await page.goto(url)
        await page.get_by_text("close_batch").first.wait_for()
        assert "broken.pdf" not in await page.inner_text("body")
        await page.evaluate(BROWSER_SETTING, endpoint)
        await _read(page, url)
