"""Repeated lines at page edges remain on their first page and on pages without other text."""

import pytest

from tests.engines.drawn import Pdf, line, lines
from tests.fixtures.engines import Bench


async def test_text_repeated_on_all_pages_remains_on_the_first(engines: Bench) -> None:
    pdf = Pdf()
    for body in (["Seven lanterns", "One compass"], ["Total 1,250.00", "Payable in thirty days"]):
        head = lines(["INVOICE 4711", "Customer Ann Example"], (72, 760))
        pdf.page(head + lines(body, (72, 500)))

    pages = (await engines.parse_bytes("invoice.pdf", pdf.bytes())).result.pages

    assert pages[0].markdown.index("INVOICE 4711") < pages[0].markdown.index("Seven lanterns")
    assert "Customer Ann Example" in pages[0].markdown
    assert "INVOICE" not in pages[1].markdown
    assert pages[1].header == "INVOICE 4711\nCustomer Ann Example"


async def test_lines_that_differ_in_a_number_remain_on_every_page(engines: Bench) -> None:
    pdf = Pdf()
    for number in range(1, 5):
        head = line(f"Delivery note 2024-{number:03}", (72, 760))
        pdf.page(head + lines(["Body of the page", f"with item {number}"], (72, 500)))

    pages = (await engines.parse_bytes("notes.pdf", pdf.bytes())).result.pages

    for number, page in enumerate(pages, start=1):
        assert f"Delivery note 2024-{number:03}" in page.markdown


@pytest.mark.parametrize("where", [(72, 760), (72, 20), (280, 770)])
async def test_page_of_one_line_is_not_empty(engines: Bench, where: tuple[float, float]) -> None:
    pdf = Pdf()
    for _ in range(4):
        pdf.page(line("Store of the harbour", where))

    pages = (await engines.parse_bytes("labels.pdf", pdf.bytes())).result.pages

    assert [page.markdown for page in pages] == ["Store of the harbour"] * 4


async def test_bare_page_numbers_are_not_in_the_body(engines: Bench) -> None:
    pdf = Pdf()
    for number in range(1, 5):
        pdf.page(
            lines(["A page of the harbour", "handbook"], (72, 500))
            + line(f"- {number} -", (300, 20))
        )

    pages = (await engines.parse_bytes("numbers.pdf", pdf.bytes())).result.pages

    assert [page.footer for page in pages] == [f"- {n} -" for n in range(1, 5)]
    assert all("- " not in page.markdown for page in pages)


async def test_hidden_headers_are_not_in_the_body(engines: Bench) -> None:
    pdf = Pdf()
    for body in ("Seven lanterns of amber", "One compass of basalt"):
        pdf.page(line("INVOICE 4711", (72, 760)) + lines([body, "and more"], (72, 500)))

    run = await engines.parse_bytes("invoice.pdf", pdf.bytes(), hide_headers=True)

    assert "INVOICE" not in run.markdown
    assert run.result.pages[0].header == "INVOICE 4711"
