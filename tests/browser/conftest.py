"""A real browser; tests of this folder are skipped where none is installed."""

import ctypes.util
import shutil
import sys
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

CHROMIUM = shutil.which("chromium")

QUIET = [
    "--no-sandbox",  # CI runs as root, where Chromium's own sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """An empty page of a browser of its own."""
    if sys.platform == "linux" and ctypes.util.find_library("atomic") is None:
        pytest.skip("no libatomic, which Playwright's driver needs: apt-get install libatomic1")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield await browser.new_page()
        await browser.close()
