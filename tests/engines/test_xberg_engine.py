"""The Xberg engine: Office formats, mail, EPUB, RTF and HTML."""

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from docmill.engines.office.engine import XbergEngine
from docmill.testing.engine_contract import EngineContract
from tests.engines import documents
from tests.fixtures.engines import Bench

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "documents"
DOCX = (EXAMPLES / "service-contract.docx").read_bytes()
BROKEN_DOCX = documents.archive({"[Content_Types].xml": "x", "word/document.xml": "<w:broken"})
FIVE_MIB_OF_ZEROS = "0" * (5 * 1024 * 1024)


@pytest.mark.integration
class TestContract(EngineContract):
    engine = XbergEngine
    samples: ClassVar = {
        "a.docx": (DOCX, "Tidewater Instruments"),
        "a.xlsx": ((EXAMPLES / "price-list.xlsx").read_bytes(), "TG-100"),
        "a.pptx": ((EXAMPLES / "quarterly-review.pptx").read_bytes(), "quarter"),
        "a.html": ((EXAMPLES / "products.html").read_bytes(), "Float tide gauge"),
        "a.xhtml": (documents.xhtml("Tides", "Café"), "Café"),
        "a.odt": (documents.odt("Tides", "Spring tide"), "Spring tide"),
        "a.epub": (documents.epub("Tides", "Neap tide"), "Neap tide"),
        "a.eml": (documents.MAIL, "The tide gauge arrived."),
        "a.rtf": (documents.RTF, "Tide gauge manual."),
    }
    damaged: ClassVar = {
        "cut.docx": DOCX[:1000],
        "broken.docx": BROKEN_DOCX,
        "cut.doc": documents.ole("WordDocument")[:600],
        "cut.xls": documents.ole("Workbook")[:1000],
        "noise.rtf": b"\x00\x01\x02\x03" * 32,
    }
    protected: ClassVar = {
        "new.docx": documents.ole("EncryptionInfo", "EncryptedPackage"),
        "open.odt": documents.odt("a", "b", manifest="<manifest:encryption-data/>"),
    }


async def test_each_sheet_is_a_page_with_its_name(engines: Bench) -> None:
    result = (await engines.parse(EXAMPLES / "price-list.xlsx")).result

    assert result.pages_total >= 2
    assert all(page.markdown.startswith("## ") for page in result.pages)


async def test_each_slide_is_a_page_and_pages_can_be_chosen(engines: Bench) -> None:
    whole = (await engines.parse(EXAMPLES / "quarterly-review.pptx")).result
    chosen = (
        await engines.parse(EXAMPLES / "quarterly-review.pptx", page_ranges={"target_pages": "2"})
    ).result

    assert whole.pages_total > 1
    assert chosen.pages == [whole.pages[1]]


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "latin-1"])
async def test_html_in_any_charset_is_decoded_correctly(engines: Bench, charset: str) -> None:
    page = f'<html><head><meta charset="{charset}"><title>Flüsse</title></head><p>Grüße</p>'

    run = await engines.parse_bytes("a.html", page.encode(charset))

    assert run.markdown.strip() == "Grüße"
    assert run.result.metadata["title"] == "Flüsse"
    assert not run.report.warnings


async def test_meta_tags_of_html_are_not_in_the_text(engines: Bench) -> None:
    page = '<html><head><meta name="generator" content="Pencil"></head><p>Tide</p></html>'

    assert (await engines.parse_bytes("a.html", page)).markdown.strip() == "Tide"


async def test_nothing_is_fetched_for_a_document(engines: Bench) -> None:
    visitors: list[object] = []
    async with await asyncio.start_server(
        lambda _, writer: visitors.append(writer), "127.0.0.1", 0
    ) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/pixel.png"
        page = f'<p>Tide</p><img src="{url}"><iframe src="{url}"></iframe><link href="{url}">'
        doctype = f'<!DOCTYPE html [<!ENTITY tide SYSTEM "{url}">]>'

        run = await engines.parse_bytes("a.html", page)
        await engines.parse_bytes("a.xhtml", doctype + documents.xhtml("a", "&tide;"))
        await engines.parse_bytes("a.odt", documents.odt("a", f'<text:a href="{url}">b</text:a>'))

    assert "Tide" in run.markdown
    assert not visitors


async def test_office_file_over_the_unpacked_size_limit_is_rejected(engines: Bench) -> None:
    bomb = documents.archive(
        {"[Content_Types].xml": "x", "word/document.xml": FIVE_MIB_OF_ZEROS * 25}
    )

    with pytest.raises(Exception, match="unpacks to too much"):
        await engines.parse_bytes("bomb.docx", bomb)
