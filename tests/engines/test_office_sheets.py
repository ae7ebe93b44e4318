"""Workbooks and slides: every cell with content, and the parts outside the cells."""

import hashlib
import io

import pytest
from msoffcrypto.format.ooxml import OOXMLFile

from docmill.contracts.warnings import WarningCode
from docmill.engines.base import Limits
from docmill.errors import FailureClass, ItemFailure
from tests.engines import office_documents
from tests.engines.office_documents import Related, cell, open_document, pptx, rows, xlsx
from tests.fixtures.engines import Bench

FEW = Limits(cells=1000)
EMPTY_ROWS = "".join(f'<row r="{n}" s="1" customFormat="1"/>' for n in range(3, 30_000))
ANNOTATION = (
    "<office:annotation><dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>Ann</dc:creator>"
    "<text:p>Count again.</text:p></office:annotation>"
)


def table_row(*texts: str, repeated: int = 1) -> str:
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{t}</text:p></table:table-cell>'
        for t in texts
    )
    return f'<table:table-row table:number-rows-repeated="{repeated}">{cells}</table:table-row>'


FAR_APART = {
    "formatted.xlsx": xlsx(
        {
            "One": f"<sheetData><row r='1'>{cell('A1', 'near amber')}</row>{EMPTY_ROWS}"
            f"<row r='30000'>{cell('C30000', 'far basalt')}</row></sheetData>"
        }
    ),
    "corner.xlsx": xlsx(
        {
            "One": f"<sheetData><row r='1'>{cell('A1', 'near amber')}</row>"
            f"<row r='4000'>{cell('ZZ4000', 'far basalt')}</row></sheetData>"
        }
    ),
    "repeated.ods": open_document(
        "spreadsheet",
        f'<table:table table:name="One">{table_row("near amber")}<table:table-row '
        'table:number-rows-repeated="1048000"><table:table-cell '
        'table:number-columns-repeated="1000"/></table:table-row>'
        f"{table_row('far basalt')}</table:table>",
    ),
    "corners.ods": open_document(
        "spreadsheet",
        f'<table:table table:name="One">{table_row("near amber")}<table:table-row '
        'table:number-rows-repeated="1048574"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row><table:table-row>'
        '<table:table-cell table:number-columns-repeated="16383"/><table:table-cell '
        'office:value-type="string"><text:p>far basalt</text:p></table:table-cell>'
        "</table:table-row></table:table>",
    ),
}


@pytest.mark.parametrize("name", FAR_APART)
async def test_sparse_cells_are_kept(engines: Bench, name: str) -> None:
    run = await engines.parse_bytes(name, FAR_APART[name])

    assert "near amber" in run.markdown
    assert "far basalt" in run.markdown
    assert not run.report.warnings


async def test_numbers_of_a_sparse_sheet_are_formatted_as_in_any_sheet(engines: Bench) -> None:
    cells = '<row r="1"><c r="A1"><v>0.5</v></c><c r="B1" t="b"><v>1</v></c><c r="C1" s="1">'
    styles = Related(
        "styles",
        "xl/styles.xml",
        '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    )
    sheet = (
        f"<sheetData>{cells}<v>45293</v></c></row>"
        f"<row r='9000'>{cell('ZZ9000', 'far')}</row></sheetData>"
    )
    book = office_documents.xlsx({"One": sheet}, main_parts=[styles])

    assert "| 0.5 | true | 2024-01-02 |" in (await engines.parse_bytes("a.xlsx", book)).markdown


async def test_cells_up_to_the_limit_are_read(engines: Bench) -> None:
    book = xlsx({"One": rows(*(cell(f"A{n}", f"r{n}") for n in range(1, 1001)))})

    run = await engines.parse_bytes("a.xlsx", book, limits=FEW)

    assert "r1000" in run.markdown


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.xlsx", xlsx({"One": rows(*(cell(f"A{n}", f"r{n}") for n in range(1, 1102)))})),
        ("a.html", "<table>" + "<tr><td>a<td>b" * 600 + "</table>"),
        (
            "a.docx",
            office_documents.docx(
                "<w:tbl>"
                + f"<w:tr><w:tc>{office_documents.paragraph('a')}</w:tc></w:tr>" * 1101
                + "</w:tbl>"
            ),
        ),
        (
            "a.ods",
            open_document(
                "spreadsheet",
                f'<table:table table:name="A">{table_row("a", repeated=1101)}</table:table>',
            ),
        ),
    ],
)
async def test_sheet_over_the_cell_limit_is_not_corrupt(
    engines: Bench, name: str, content: str | bytes
) -> None:
    with pytest.raises(ItemFailure, match="raise DOCMILL_MAX_CELLS") as failed:
        await engines.parse_bytes(name, content, limits=FEW)

    assert failed.value.failure_class is FailureClass.LIMIT_EXCEEDED


async def test_comments_boxes_and_running_lines_of_a_sheet_are_kept(engines: Bench) -> None:
    comments = Related(
        "comments",
        "xl/comments1.xml",
        f"<comments {office_documents.SHEET}><commentList><comment ref='B2'><text><r><t>Count "
        "</t></r><r><t>again.</t></r></text></comment></commentList></comments>",
    )
    box = "<sp><txBody><a:p><a:r><a:t>boxed amber</a:t></a:r></a:p></txBody></sp>"
    drawing = Related("drawing", "xl/drawings/drawing1.xml", f"<wsDr xmlns:a='x'>{box}</wsDr>")
    running = (
        '<headerFooter><oddHeader>&amp;L&amp;"Arial,Bold"&amp;12Harbour board&amp;RPage &amp;P'
        "</oddHeader><oddFooter>&amp;CConfidential</oddFooter></headerFooter>"
    )
    book = xlsx({"One": rows(cell("A1", "tide")) + running}, [comments, drawing])

    run = await engines.parse_bytes("a.xlsx", book)

    assert "- B2: Count again." in run.markdown
    assert "boxed amber" in run.markdown
    assert run.markdown.startswith("Harbour board Page")
    assert run.markdown.endswith("Confidential\n")
    assert run.result.inventory == {"comments": 1, "footers": 1, "headers": 1, "text_boxes": 1}


async def test_comment_thread_is_kept_once_with_other_notes(engines: Bench) -> None:
    note = "<comment ref='{}'><text><t>{}</t></text></comment>"
    listed = note.format("A1", "[Threaded comment] Count again.") + note.format("B2", "A note.")
    notes = f"<comments {office_documents.SHEET}><commentList>{listed}</commentList></comments>"
    thread = "<ThreadedComments><threadedComment ref='A1'><text>Count again.</text>"
    parts = [
        Related("comments", "xl/comments1.xml", notes),
        Related(
            "threadedComment",
            "xl/threadedComments/threadedComment1.xml",
            f"{thread}</threadedComment></ThreadedComments>",
        ),
    ]

    run = await engines.parse_bytes("a.xlsx", xlsx({"One": rows(cell("A1", "tide"))}, parts))

    assert run.markdown.count("Count again.") == 1
    assert "- B2: A note." in run.markdown
    assert "Threaded comment" not in run.markdown


async def test_hidden_sheets_are_read_and_reported(engines: Bench) -> None:
    book = xlsx(
        {"Open": rows(cell("A1", "seen")), "Secret": rows(cell("A1", "unseen"))},
        states={"Secret": "veryHidden"},
    )
    styles = (
        '<style:style style:name="h"><style:table-properties table:display="false"/></style:style>'
    )
    ods = open_document(
        "spreadsheet",
        f'<table:table table:name="Secret" table:style-name="h">{table_row("unseen")}'
        "</table:table>",
        styles=styles,
    )

    for name, content in {"a.xlsx": book, "a.ods": ods}.items():
        run = await engines.parse_bytes(name, content)

        assert "unseen" in run.markdown
        assert [w.code for w in run.report.warnings] == [WarningCode.HIDDEN_CONTENT]
        assert "Secret" in run.report.warnings[0].message


@pytest.mark.parametrize(
    "formula",
    [
        '<c r="B1"><f>A1*2</f></c>',
        '<c r="B1"><f>A1*2</f><v></v></c>',
        '<c r="B1" s="3"><f t="shared" ref="B1:B9" si="0">A1*2</f><v/></c>',
    ],
)
async def test_formula_without_a_value_is_reported(engines: Bench, formula: str) -> None:
    book = xlsx({"One": rows(f'{cell("A1", "price")}{formula}<c r="C1"><f>1+1</f><v>2</v></c>')})

    (found,) = (await engines.parse_bytes("a.xlsx", book)).report.warnings

    assert found.code is WarningCode.FORMULA_WITHOUT_VALUE
    assert "1 formulas" in found.message
    assert "B1" in found.message
    assert found.page == 1


async def test_comments_of_an_open_spreadsheet_are_kept(engines: Bench) -> None:
    row = (
        f"<table:table-row><table:table-cell/><table:table-cell office:value-type='string'>"
        f"{ANNOTATION}<text:p>tide</text:p></table:table-cell></table:table-row>"
    )

    run = await engines.parse_bytes(
        "a.ods", open_document("spreadsheet", f'<table:table table:name="A">{row}</table:table>')
    )

    assert "- B1: Count again." in run.markdown


async def test_speaker_notes_and_comments_are_on_their_slide(engines: Bench) -> None:
    note = (
        "<p:sp><p:nvSpPr><p:nvPr><p:ph type='{}'/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>{}"
        "</a:t></a:r></a:p></p:txBody></p:sp>"
    )
    notes = Related(
        "notesSlide",
        "ppt/notesSlides/notesSlide1.xml",
        f"<p:notes {office_documents.DRAWING}><p:cSld><p:spTree>{note.format('body', 'Say it.')}"
        f"{note.format('sldNum', '4711')}</p:spTree></p:cSld></p:notes>",
    )
    old = Related(
        "comments",
        "ppt/comments/comment1.xml",
        f"<p:cmLst {office_documents.DRAWING}><p:cm authorId='0'><p:text>Old remark.</p:text>"
        "</p:cm></p:cmLst>",
    )
    new = Related(
        "comments",
        "ppt/comments/modern1.xml",
        f"<x:cmLst xmlns:x='y' {office_documents.DRAWING}><x:cm><x:txBody><a:p><a:r><a:t>New "
        "remark.</a:t></a:r></a:p></x:txBody></x:cm></x:cmLst>",
    )

    pages = (
        await engines.parse_bytes("a.pptx", pptx(["First", "Second"], {1: [notes, old], 2: [new]}))
    ).result.pages

    assert "### Speaker notes\n\nSay it." in pages[0].markdown
    assert "- Old remark." in pages[0].markdown
    assert "4711" not in pages[0].markdown
    assert "- New remark." in pages[1].markdown
    assert "Say it." not in pages[1].markdown


async def test_slides_of_an_open_presentation_are_its_pages(engines: Bench) -> None:
    def box(text: str) -> str:
        return f"<draw:frame><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"

    slides = (
        f"<draw:page draw:name='a'>{box('slide amber')}<draw:custom-shape><text:p>shape</text:p>"
        f"</draw:custom-shape><presentation:notes>{box('say it')}</presentation:notes></draw:page>"
        f"<draw:page draw:name='b'>{box('slide basalt')}</draw:page>"
    )

    run = await engines.parse_bytes("a.odp", open_document("presentation", slides))

    first, second = run.result.pages
    assert all(text in first.markdown for text in ("slide amber", "shape", "say it"))
    assert "slide basalt" in second.markdown
    assert "slide amber" not in second.markdown


async def test_headers_and_footers_of_an_open_text_are_kept(engines: Bench) -> None:
    master = "".join(
        f"<style:{kind}><text:p>{text}</text:p></style:{kind}>"
        for kind, text in {
            "header": "Amber and Sons",
            "header-left": "Amber and Sons",
            "footer": "Registered",
        }.items()
    )

    run = await engines.parse_bytes("a.odt", open_document("text", "<text:p>Body</text:p>", master))

    assert run.markdown.split("\n\n") == ["Amber and Sons", "Body", "Registered\n"]
    assert run.result.inventory == {"footers": 1, "headers": 1}


def workbook_under(password: str) -> bytes:
    """A protected workbook; the library writes none of less than a few kilobytes."""
    texts = (hashlib.sha256(bytes([n])).hexdigest() for n in range(200))
    data = xlsx(
        {
            "One": rows(
                cell("A1", "tide"), *(cell(f"A{n}", text) for n, text in enumerate(texts, start=2))
            )
        }
    )
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(data)).encrypt(password, out)
    return out.getvalue()


async def test_workbook_with_the_default_excel_password_is_read(engines: Bench) -> None:
    run = await engines.parse_bytes("a.xlsx", workbook_under("VelvetSweatshop"))

    assert "tide" in run.markdown
    assert not run.report.warnings


async def test_workbook_with_another_password_is_encrypted(engines: Bench) -> None:
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("a.xlsx", workbook_under("harbour"))

    assert failed.value.failure_class is FailureClass.ENCRYPTED
