"""Sideways, upside-down and diagonal text is in the Markdown."""

import pytest

from docmill.contracts.warnings import WarningCode
from tests.engines.drawn import Pdf, line, lines
from tests.fixtures.engines import Bench

TEXTS = ["First harbour line", "Second amber line", "Third basalt line"]


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("page", ["", "/Rotate 90", "/Rotate 180"])
async def test_text_of_a_rotated_page_is_in_reading_order(
    engines: Bench, turn: int, page: str
) -> None:
    step = {90: (20, 0), 180: (0, 20), 270: (-20, 0)}[turn]
    content = "".join(
        line(text, (300 + step[0] * n, 400 + step[1] * n), turn=turn)
        for n, text in enumerate(TEXTS)
    )

    run = await engines.parse_bytes("turned.pdf", Pdf().page(content, entries=page).bytes())

    assert run.markdown.replace("\n\n", " ") == " ".join(TEXTS)
    if (turn, page) not in {(90, "/Rotate 90"), (180, "/Rotate 180")}:
        assert [w.code for w in run.report.warnings] == [WarningCode.PAGE_TURNED]
    result = run.result.pages[0]
    sideways = page == "/Rotate 90"
    assert (result.width, result.height) == ((792, 612) if sideways else (612, 792))


async def test_boxes_of_a_rotated_page_use_the_coordinates_of_the_page(engines: Bench) -> None:
    content = "".join(line(text, (100 + 20 * n, 400), turn=90) for n, text in enumerate(TEXTS))

    run = await engines.parse_bytes("turned.pdf", Pdf().page(content).bytes())

    (item,) = run.result.pages[0].items
    (box,) = item["bbox"]
    assert box["x"] == pytest.approx(90, abs=5)
    assert box["y"] + box["h"] == pytest.approx(792 - 400, abs=5)
    assert box["w"] == pytest.approx(54, abs=8)


@pytest.mark.parametrize("turn", [90, 180, 270])
async def test_rotated_part_of_a_page_is_restored(engines: Bench, turn: int) -> None:
    body = lines(["A table of the harbour stands at the side of this page,"] * 4)
    margin = line("lantern 7 amber", (560, 300), turn=turn)

    run = await engines.parse_bytes("margin.pdf", Pdf().page(body + margin).bytes())

    assert "lantern 7 amber" in run.markdown
    # What is upside down is in the Markdown already.
    assert [w.code for w in run.report.warnings] == [WarningCode.TEXT_PUT_BACK] * (turn != 180)


async def test_diagonal_text_is_restored_unless_excluded(engines: Bench) -> None:
    body = lines(["A letter about the harbour and its lanterns"] * 4)
    mark = "BT /F1 40 Tf 0.7071 0.7071 -0.7071 0.7071 150 150 Tm (CONFIDENTIAL) Tj ET"
    data = Pdf().page(body + mark).bytes()
    ignore = {"ignore": {"ignore_diagonal_text": True}}

    kept = await engines.parse_bytes("mark.pdf", data)
    left_out = await engines.parse_bytes("mark.pdf", data, processing_options=ignore)

    assert "CONFIDENTIAL" in kept.markdown
    assert "CONFIDENTIAL" not in left_out.markdown
