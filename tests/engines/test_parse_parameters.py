"""Every parameter that a local engine can honour, on a real document."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from docmill.engines.base import ParsedImage
from docmill.engines.images import Album
from docmill.errors import FailureClass, ItemFailure
from docmill.testing.engine_trial import Run
from tests.engines import documents
from tests.fixtures.engines import Bench, messages

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "documents"
INVOICE = EXAMPLES / "invoice-2026-014.pdf"
BODY = "The gauge of pier %d stands below the lamp, and it is read at noon."
HANDBOOK = documents.handbook(*[BODY % n for n in range(3)])


async def handbook(engines: Bench, **parameters: Any) -> Run:
    """Parse it, and see that nothing was ignored in silence or in words."""
    run = await engines.parse_bytes("handbook.pdf", HANDBOOK, **parameters)
    assert run.report.warnings == []
    return run


def output(**options: Any) -> dict[str, Any]:
    return {"output_options": options}


def tables(**options: Any) -> dict[str, Any]:
    return output(markdown={"tables": options})


async def test_every_stored_file_is_listed_with_its_hash(engines: Bench) -> None:
    run = await handbook(
        engines,
        **output(
            images_to_save=["screenshot", "embedded"],
            additional_outputs=["stripped_md", "concatenated_stripped_txt", "word_bbox"],
            save_output_pdf=True,
        ),
    )

    there = {path.name for path in run.folder.iterdir()} - {"result.json"}
    assert run.result.files == {
        name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in there
    }
    assert set(run.report.files) == there | {"result.json"}
    assert len(there) == 9


async def test_embedded_images_are_saved_once_and_referenced_in_place(engines: Bench) -> None:
    run = await handbook(engines, **output(images_to_save=["embedded"]))

    found = run.result.images
    assert [image.page_number for image in found] == [1, 2, 3]
    assert {image.filename for image in found} == {"img_p1_1.png"}
    assert (found[0].width, found[0].height, found[0].content_type) == (8, 6, "image/png")
    assert found[0].size_bytes == (run.folder / "img_p1_1.png").stat().st_size > 0
    assert found[1].bbox is not None
    assert (found[1].bbox.x, found[1].bbox.w, found[1].bbox.h) == (100, 200, 150)
    figures = [i for page in run.result.pages for i in page.items if i["type"] == "image"]
    assert {figure["url"] for figure in figures} == {"img_p1_1.png"}


async def test_screenshots_are_of_the_requested_pages(engines: Bench) -> None:
    run = await handbook(
        engines, **output(images_to_save=["screenshot"]), page_ranges={"target_pages": "2-3"}
    )

    assert [image.filename for image in run.result.images] == ["page_2.png", "page_3.png"]
    assert {image.category for image in run.result.images} == {"screenshot"}
    assert (run.folder / "page_2.png").read_bytes().startswith(b"\x89PNG")


async def test_scan_has_a_screenshot(engines: Bench) -> None:
    scan = EXAMPLES / "delivery-note-scan.png"
    run = await engines.parse(scan, tier="fast", **output(images_to_save=["screenshot"]))

    assert [image.filename for image in run.result.images] == ["page_1.png"]


async def test_images_of_an_office_file_are_saved(engines: Bench) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + b"any"
    run = await engines.parse_bytes(
        "a.docx",
        documents.docx_with_picture("Tide tables", picture),
        **output(images_to_save=["embedded", "screenshot"]),
    )

    (image,) = run.result.images
    assert (image.filename, image.category, image.page_number) == ("image_0.png", "embedded", 1)
    assert (run.folder / "image_0.png").read_bytes() == picture
    assert messages(run.report.warnings) == [
        "The parameter output_options.images_to_save.screenshot is not honoured "
        "by the engine xberg."
    ]


async def test_remote_image_is_not_saved(engines: Bench) -> None:
    html = '<html><body><p>Tide</p><img src="http://127.0.0.1:9/a.png"></body></html>'
    run = await engines.parse_bytes("a.html", html, **output(images_to_save=["embedded"]))

    assert [image.filename for image in run.result.images if not image.size_bytes] == []


def test_saved_images_are_limited_in_size(tmp_path: Path) -> None:
    album = Album(tmp_path, max_bytes=5)
    for number in range(3):
        image = ParsedImage(filename=f"{number}.png", category="embedded", content_type="image/png")
        album.save(image, b"xx")

    assert [image.filename for image in album.images] == ["0.png", "1.png"]
    assert "1 images were not saved" in album.warnings[0].message


async def test_running_lines_are_separate_from_the_page_body(engines: Bench) -> None:
    page = (await handbook(engines)).result.pages[1]

    assert (page.header, page.footer) == ("Harbour Handbook", "- 8 -")
    assert "Handbook" not in page.markdown
    assert "Handbook" in page.text
    assert [item["type"] for item in page.items] == ["header", "text", "image", "footer"]


async def test_hidden_headers_and_footers_are_not_in_the_text(engines: Bench) -> None:
    page = (await handbook(engines, hide_headers=True, hide_footers=True)).result.pages[1]

    assert page.text == BODY % 1
    assert "Handbook" not in page.markdown


async def test_headers_are_in_the_markdown_when_not_hidden(engines: Bench) -> None:
    page = (await handbook(engines, hide_headers=False, hide_footers=True)).result.pages[1]

    assert page.markdown.startswith("Harbour Handbook\n\nThe gauge")
    assert "- 8 -" not in page.markdown + page.text


async def test_printed_page_numbers_are_reported(engines: Bench) -> None:
    run = await handbook(engines, **output(extract_printed_page_number=True))

    assert [page.printed_page_number for page in run.result.pages] == ["7", "8", "9"]
    assert (await handbook(engines)).result.pages[0].printed_page_number is None


async def test_pages_are_joined_as_requested(engines: Bench) -> None:
    run = await handbook(
        engines,
        page_separator="\n== {pageNumber} ==\n",
        page_prefix="<{pageNumber}>",
        page_suffix="</{pageNumber}>",
        page_ranges={"target_pages": "1,3"},
    )

    assert run.markdown.startswith("<1>Harbour Handbook\n\nThe gauge of pier 0")
    assert "</1>\n== 3 ==\n<3>The gauge of pier 2" in run.markdown
    assert run.markdown.endswith("</3>")
    assert "<" not in run.result.pages[0].markdown


async def test_failed_page_has_its_reason_in_the_whole_text_when_requested(engines: Bench) -> None:
    run = await engines.parse_bytes(
        "torn.pdf",
        documents.pdf_with_lost_pages(good=1, lost=1),
        replace_failed_page_mode="error_message",
        processing_control={"job_failure_conditions": {"allowed_page_failure_ratio": 0.5}},
    )

    assert str(run.result.pages[1].error) in run.markdown


@pytest.mark.parametrize("document", ["invoice-2026-014.pdf", "service-contract.docx"])
async def test_tables_become_html(engines: Bench, document: str) -> None:
    plain = await engines.parse(EXAMPLES / document)
    run = await engines.parse(EXAMPLES / document, **tables(output_tables_as_markdown=False))

    assert "| Article |" in plain.markdown
    assert "<table><tr><th>Article</th>" in run.markdown
    assert "|" not in run.markdown
    assert run.report.warnings == plain.report.warnings


async def test_compact_tables_have_no_padding(engines: Bench) -> None:
    run = await engines.parse(INVOICE, **tables(compact_markdown_tables=True))

    assert "\n|-|-|-|-|-|\n|TG-100|Float tide gauge|4|" in run.markdown


async def test_lines_within_a_cell_are_joined_as_requested(engines: Bench) -> None:
    markdown = "| Name | Place |\n| --- | --- |\n| TG | Pier<br>3 |\n"
    run = await engines.parse_bytes(
        "a.md", markdown, **tables(markdown_table_multiline_separator=" / ")
    )

    assert "| TG | Pier / 3 |" in run.markdown


async def test_table_in_a_code_block_is_not_a_table(engines: Bench) -> None:
    markdown = "```\n| a | b |\n| --- | --- |\n| 1 | 2 |\n```"
    run = await engines.parse_bytes("a.md", markdown, **tables(output_tables_as_markdown=False))

    assert run.markdown == markdown


async def test_plain_text_has_no_markdown_marks(engines: Bench) -> None:
    options = output(additional_outputs=["stripped_md", "concatenated_stripped_txt"])
    run = await handbook(engines, **options)
    plain = await engines.parse_bytes("a.md", "# Tide\n\nSee **the** `gauge`.", **options)

    assert json.loads((plain.folder / "stripped.json").read_text()) == {
        "pages": [{"page_number": 1, "markdown": "Tide\n\nSee the gauge."}]
    }
    assert (plain.folder / "concatenated.txt").read_text() == "Tide\n\nSee the gauge."
    assert (run.folder / "concatenated.txt").read_text().count("\n\n---\n\n") == 2


async def test_words_have_boxes(engines: Bench) -> None:
    run = await handbook(engines, **output(additional_outputs=["word_bbox"]))

    rows = [json.loads(line) for line in (run.folder / "words.jsonl").read_text().splitlines()]
    piers = [row for row in rows if row["text"] == "pier"]
    assert [row["page_number"] for row in piers] == [1, 2, 3]
    assert piers[0]["y"] == pytest.approx(182, abs=6)
    assert 10 < piers[0]["w"] < 40


async def test_pdf_itself_is_saved(engines: Bench) -> None:
    run = await handbook(engines, **output(save_output_pdf=True))
    text = await engines.parse_bytes("a.txt", "Tide", **output(save_output_pdf=True))

    assert (run.folder / "output.pdf").read_bytes() == HANDBOOK
    assert "save_output_pdf" in text.report.warnings[0].message


async def test_text_in_images_is_not_read_when_ignored(engines: Bench) -> None:
    ignore = {"ignore": {"ignore_text_in_image": True}}
    run = await engines.parse(EXAMPLES / "delivery-note-scan.png", processing_options=ignore)

    assert run.markdown == ""
    assert messages(run.report.warnings)[0] == "No text on page 1: OCR was off."


async def test_ocr_text_has_a_confidence(engines: Bench) -> None:
    scan = await engines.parse(EXAMPLES / "delivery-note-scan.png")

    confidence = scan.result.pages[0].confidence
    assert confidence is not None
    assert 0.5 < confidence <= 1
    assert (await handbook(engines)).result.pages[0].confidence is None


async def test_too_many_failed_pages_fail_the_file_when_images_are_requested(
    engines: Bench,
) -> None:
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes(
            "torn.pdf",
            documents.pdf_with_lost_pages(good=1, lost=1),
            **output(images_to_save=["screenshot", "embedded"]),
        )

    assert failed.value.failure_class is FailureClass.PAGES_FAILED


async def test_timeout_above_the_limit_gives_a_warning(engines: Bench) -> None:
    control = {"timeouts": {"base_in_seconds": 90}}
    run = await engines.parse_bytes("a.txt", "Tide", processing_control=control)

    assert messages(run.report.warnings) == [
        "processing_control.timeouts.base_in_seconds is 90; the operator allows 60 seconds."
    ]
