"""When text is recognised on PDF pages that have text, and how it is merged with that text."""

import random
from collections.abc import Callable

import pytest
from PIL import Image

from docmill.contracts.warnings import WarningCode
from tests.engines.drawn import Pdf, line, lines, placed, to_unicode, written
from tests.fixtures.engines import Bench

LEDGER = ["HARBOUR LEDGER 1924", "The amber crate holds seven lanterns", "Signed by the keeper"]
WHOLE = (0, 0, 612, 792)


def _codes(letters: str, groups: int) -> list[str]:
    choose = random.Random(7)
    return [
        "-".join("".join(choose.choices(letters, k=5)) for _ in range(groups)) for _ in range(40)
    ]


@pytest.mark.parametrize(
    "texts",
    [
        _codes("ABCDEFGHJKLMNPQRSTUVWXYZ0O1I5S8B", 5),
        _codes("0123456789abcdef", 6),
        _codes("GBQWX0OI1", 4),
    ],
    ids=["keys", "digests", "accounts"],
)
async def test_valid_text_layer_is_never_replaced(engines: Bench, texts: list[str]) -> None:
    run = await engines.parse_bytes("codes.pdf", Pdf().page(lines(texts)).bytes())

    assert not [text for text in texts if text not in run.markdown]
    assert "ocr" not in run.result.timings


async def test_text_in_another_script_is_not_replaced_by_english(engines: Bench) -> None:
    pdf = Pdf()
    letters = pdf.stream(to_unicode({65 + n: 0x0627 + n for n in range(26)}))
    font = pdf.add(f"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode {letters} 0 R>>")
    texts = "".join(line("ABCDE FGHIJ KLMNO", (72, 700 - 20 * n), font="F2") for n in range(20))

    run = await engines.parse_bytes("arabic.pdf", pdf.page(texts, fonts={"F2": font}).bytes())

    assert sum("\u0600" <= letter <= "\u06ff" for letter in run.markdown) >= 300
    assert not any(page.ocr for page in run.result.pages)


async def test_only_unmapped_characters_are_replaced_by_recognised_text(engines: Bench) -> None:
    pdf = Pdf()
    nothing = pdf.stream(to_unicode(dict.fromkeys(range(33, 127), 0xFFFD)))
    font = pdf.add(f"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode {nothing} 0 R>>")
    content = lines(["Key QW7B-3PDK-0O1I", "Account GB0O 1I5S"]) + "".join(
        line(text, (72, 600 - 24 * n), font="F2", size=14)
        for n, text in enumerate(["amber crate and", "basalt compass of", "the harbour"])
    )
    data = pdf.page(content, fonts={"F2": font}).bytes()

    run = await engines.parse_bytes("mixed.pdf", data)
    without = await engines.parse_bytes("mixed.pdf", data, disable_ocr=True)

    for text in ("QW7B-3PDK-0O1I", "GB0O 1I5S", "amber crate", "basalt compass", "harbour"):
        assert text in run.markdown
    assert "\ufffd" not in run.markdown
    assert [w.code for w in run.report.warnings] == [WarningCode.OCR_ADDED]
    (unreadable,) = without.report.warnings
    assert (unreadable.code, unreadable.page) == (WarningCode.TEXT_UNREADABLE, 1)


def _stamp(pdf: Pdf, scan: Image.Image) -> str:
    pdf.page(placed("I", WHOLE) + line("EXAMPLE-0000417", (420, 15)), images={"I": pdf.image(scan)})
    return "EXAMPLE-0000417"


def _stamp_in_a_form(pdf: Pdf, scan: Image.Image) -> str:
    entries = "/Type/XObject/Subtype/Form/BBox[0 0 200 30]/Resources<</Font<</F1 3 0 R>>>>"
    stamp = pdf.stream(line("FILED 2024-06-03", (5, 5)), entries)
    pdf.page(
        placed("I", WHOLE) + "q 1 0 0 1 380 700 cm /S Do Q",
        images={"I": pdf.image(scan), "S": stamp},
    )
    return "FILED 2024-06-03"


def _letterhead(pdf: Pdf, scan: Image.Image) -> str:
    head = lines(["Registry of the harbour", "Quay 7, Basaltville"], (72, 770))
    pdf.page(head + placed("I", (30, 60, 550, 640)), images={"I": pdf.image(scan)})
    return "Quay 7, Basaltville"


def _strips(pdf: Pdf, scan: Image.Image) -> str:
    height = scan.height // 5
    strips = {
        f"I{n}": pdf.image(scan.crop((0, n * height, scan.width, (n + 1) * height)))
        for n in range(5)
    }
    drawn = "".join(placed(f"I{n}", (0, 792 - (n + 1) * 158.4, 612, 158.4)) for n in range(5))
    pdf.page(drawn + line("Exhibit 7", (500, 20)), images=strips)
    return "Exhibit 7"


def _scan_in_a_form(pdf: Pdf, scan: Image.Image) -> str:
    image = f"/Resources<</XObject<</I {pdf.image(scan)} 0 R>>>>"
    inner = pdf.stream(
        placed("I", (0, 0, 1, 1)), f"/Type/XObject/Subtype/Form/BBox[0 0 1 1]{image}"
    )
    outer = f"/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</N {inner} 0 R>>>>"
    form = pdf.stream(placed("N", WHOLE), outer)
    pdf.page("/S Do\n" + line("EXAMPLE-0000418", (420, 15)), images={"S": form})
    return "EXAMPLE-0000418"


@pytest.mark.parametrize("make", [_stamp, _stamp_in_a_form, _letterhead, _strips, _scan_in_a_form])
async def test_scan_with_text_on_it_is_recognised(
    engines: Bench, make: Callable[[Pdf, Image.Image], str]
) -> None:
    pdf = Pdf()
    own = make(pdf, written(LEDGER))

    run = await engines.parse_bytes("stamped.pdf", pdf.bytes())

    for text in (own, "HARBOUR LEDGER 1924", "amber crate holds seven lanterns"):
        assert text in " ".join(run.markdown.split())
    assert [w.code for w in run.report.warnings] == [WarningCode.OCR_ADDED]
    assert run.result.pages[0].ocr


async def test_scan_under_a_sideways_stamp_is_read_upright(engines: Bench) -> None:
    pdf = Pdf()
    stamp = line("EXAMPLE-0000419", (590, 300), turn=90)
    pdf.page(placed("I", WHOLE) + stamp, images={"I": pdf.image(written(LEDGER))})

    run = await engines.parse_bytes("side.pdf", pdf.bytes())

    for text in ("EXAMPLE-0000419", "amber crate holds seven lanterns"):
        assert text in " ".join(run.markdown.split())


async def test_comments_on_a_scan_are_kept(engines: Bench) -> None:
    pdf = Pdf()
    note = "<</Type/Annot/Subtype/Text/Rect[50 50 70 70]/Contents(check the sum)>>"
    pdf.page(placed("I", WHOLE), images={"I": pdf.image(written(LEDGER))}, annotations=[note])

    run = await engines.parse_bytes("scan.pdf", pdf.bytes())

    assert run.markdown.endswith("Comment: check the sum")


async def test_upside_down_scan_under_a_stamp_is_recognised(engines: Bench) -> None:
    pdf = Pdf()
    _stamp(pdf, written(LEDGER).rotate(180))

    run = await engines.parse_bytes("head.pdf", pdf.bytes())

    assert "amber crate holds seven lanterns" in " ".join(run.markdown.split())


async def test_page_with_an_ocr_layer_is_not_recognised_again(engines: Bench) -> None:
    pdf = Pdf()
    content = placed("I", WHOLE) + "3 Tr " + lines(LEDGER)
    pdf.page(content, images={"I": pdf.image(written(LEDGER))})

    run = await engines.parse_bytes("layer.pdf", pdf.bytes())

    assert run.markdown.count("amber crate") == 1
    assert "ocr" not in run.result.timings


async def test_redacted_area_is_not_recognised(engines: Bench) -> None:
    pdf = Pdf()
    bar = "0 g 50 642 500 26 re f\n"
    scan = written(LEDGER)
    pdf.page(placed("I", WHOLE) + bar + line("REDACTED", (500, 20)), images={"I": pdf.image(scan)})

    run = await engines.parse_bytes("black.pdf", pdf.bytes())

    assert "HARBOUR" in run.markdown
    assert "lanterns" not in run.markdown


async def test_image_on_many_pages_is_recognised_once(engines: Bench) -> None:
    pdf = Pdf()
    head = pdf.image(written(["Harbour office of Basaltville"]))
    for number in range(3):
        pdf.page(placed("I", WHOLE) + line(f"Letter {number}", (72, 300)), images={"I": head})

    run = await engines.parse_bytes("letters.pdf", pdf.bytes())

    assert run.markdown.count("Harbour office of Basaltville") == 1
    assert [w.page for w in run.report.warnings] == [1]
