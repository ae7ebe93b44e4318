"""Word documents: parts outside the body are in the result or are reported."""

import pytest

from docmill.contracts.warnings import WarningCode
from docmill.engines.base import Limits
from tests.engines.documents import archive
from tests.engines.office_documents import (
    WORD,
    Related,
    cell,
    docx,
    paragraph,
    rows,
    word_part,
    xlsx,
)
from tests.fixtures.engines import Bench

PAGE_BREAK = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'


def mark(kind: str, number: int) -> str:
    return f'<w:{kind}Reference w:id="{number}"/>'


def note(kind: str, number: int, text: str) -> str:
    return f'<w:{kind} w:id="{number}" w:author="Ann">{paragraph(text)}</w:{kind}>'


async def test_footnotes_and_endnotes_are_below_their_marks(engines: Bench) -> None:
    footnotes = word_part("footnotes", "footnotes", note("footnote", 2, "Except in leap years."))
    endnotes = word_part("endnotes", "endnotes", note("endnote", 2, "See the annex."))
    body = paragraph("Rent", mark("footnote", 2)) + paragraph("Deposit", mark("endnote", 2))

    run = await engines.parse_bytes("a.docx", docx(body, [footnotes, endnotes]))

    assert run.markdown.splitlines()[::2] == [
        "Rent[^1]",
        "Deposit[^2]",
        "[^1]: Except in leap years.",
        "[^2]: See the annex.",
    ]
    assert run.result.inventory == {"footnotes": 1, "endnotes": 1}
    assert not run.report.warnings


async def test_footnote_is_on_the_page_of_its_mark(engines: Bench) -> None:
    notes = word_part(
        "footnotes",
        "footnotes",
        note("footnote", 5, "First note.") + note("footnote", 6, "Second note."),
    )
    body = (
        paragraph("One", mark("footnote", 5)) + PAGE_BREAK + paragraph("Two", mark("footnote", 6))
    )

    pages = (await engines.parse_bytes("a.docx", docx(body, [notes]))).result.pages

    assert [("First" in p.text, "Second" in p.text) for p in pages] == [
        (True, False),
        (False, True),
    ]


async def test_footnote_of_a_table_and_one_without_a_mark_are_kept(engines: Bench) -> None:
    notes = word_part(
        "footnotes",
        "footnotes",
        note("footnote", 1, "Note of a cell.") + note("footnote", 9, "Note of nothing."),
    )
    body = f"<w:tbl><w:tr><w:tc>{paragraph('Cell', mark('footnote', 1))}</w:tc></w:tr></w:tbl>"

    text = (await engines.parse_bytes("a.docx", docx(body, [notes]))).markdown

    assert "[^1]: Note of a cell." in text
    assert "Note of nothing." in text


async def test_comments_are_kept_with_their_authors(engines: Bench) -> None:
    comments = word_part(
        "comments",
        "comments",
        note("comment", 0, "Delete this.") + note("comment", 7, "Where is its mark?"),
    )
    body = paragraph("Clause", mark("comment", 0))

    run = await engines.parse_bytes("a.docx", docx(body, [comments]))

    assert "Clause[^cmt0]" in run.markdown
    assert "[^cmt0]: Ann: Delete this." in run.markdown
    assert "- Ann: Where is its mark?" in run.markdown
    assert run.result.inventory == {"comments": 2}


async def test_headers_and_footers_are_read_once_for_all_sections(engines: Bench) -> None:
    parts = [
        word_part("header", "hdr", paragraph("Amber and Sons"), "header1"),
        word_part("header", "hdr", paragraph("Amber and Sons"), "header2"),
        word_part("header", "hdr", paragraph("Annex"), "header3"),
        word_part("footer", "ftr", paragraph("Registered in the book"), "footer1"),
    ]
    first = '<w:headerReference w:type="default" r:id="r0"/><w:footerReference r:id="r3"/>'
    second = '<w:headerReference w:type="first" r:id="r1"/><w:headerReference r:id="r2"/>'
    body = (
        f"<w:p><w:pPr><w:sectPr>{first}</w:sectPr></w:pPr></w:p>{paragraph('Body')}"
        f"<w:sectPr>{second}<w:footerReference r:id='r3'/></w:sectPr>"
    )

    run = await engines.parse_bytes("a.docx", docx(body, parts))
    hidden = await engines.parse_bytes(
        "a.docx", docx(body, parts), hide_headers=True, hide_footers=True
    )

    assert run.markdown.split("\n\n") == [
        "Amber and Sons", "Annex", "Body", "Registered in the book\n",
    ]  # fmt: skip
    assert hidden.markdown.strip() == "Body"
    assert hidden.result.pages[0].header == "Amber and Sons\n\nAnnex"
    assert hidden.result.pages[0].footer == "Registered in the book"


async def test_diagrams_and_charts_are_kept(engines: Bench) -> None:
    diagram = "<d xmlns:a='x'><pt><t><a:p><a:r><a:t>collect amber</a:t></a:r></a:p></t></pt></d>"
    points = "".join(
        f"<{kind}><strCache>{''.join(f'<pt idx={n!r}><v>{v}</v></pt>' for n, v in values)}"
        f"</strCache></{kind}>"
        for kind, values in {
            "tx": [("0", "Tons")],
            "cat": [("0", "May"), ("1", "June")],
            "val": [("0", "7"), ("1", "9")],
        }.items()
    )
    title = "<title><a:p><a:r><a:t>Harvest</a:t></a:r></a:p></title>"
    chart = f"<chartSpace xmlns:a='x'>{title}<ser>{points}</ser></chartSpace>"
    parts = [
        Related("diagramData", "word/diagrams/data1.xml", diagram),
        Related("chart", "word/charts/chart1.xml", chart),
    ]

    run = await engines.parse_bytes("a.docx", docx(paragraph("Before"), parts))

    assert "collect amber" in run.markdown
    assert "Harvest" in run.markdown
    assert "| June | 9 |" in run.markdown
    assert run.result.inventory == {"charts": 1, "diagrams": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("chunk.html", "<html><body><form>inserted amber</form></body></html>"),
        ("chunk.rtf", r"{\rtf1 inserted amber}"),
        ("chunk.docx", docx(paragraph("inserted amber"))),
        ("chunk.txt", "inserted amber"),
    ],
)
async def test_embedded_office_document_is_read(
    engines: Bench, name: str, content: str | bytes
) -> None:
    part = Related("aFChunk", f"word/{name}", content)

    run = await engines.parse_bytes(
        "a.docx", docx(paragraph("Before") + '<w:altChunk r:id="r0"/>', [part])
    )

    assert "inserted amber" in run.markdown


async def test_embedded_document_of_unknown_type_is_reported(engines: Bench) -> None:
    part = Related("aFChunk", "word/chunk.xyz", "?")

    run = await engines.parse_bytes(
        "a.docx", docx(paragraph("Before") + '<w:altChunk r:id="r0"/>', [part])
    )

    (found,) = run.report.warnings
    assert found.code is WarningCode.CONTENT_NOT_READ
    assert "chunk.xyz" in found.message


async def test_unreadable_part_is_reported_and_the_rest_is_kept(engines: Bench) -> None:
    bomb = f'<!DOCTYPE a [<!ENTITY b "c">]><w:comments {WORD}/>'
    parts = [
        Related("comments", "word/comments.xml", bomb),
        word_part("footnotes", "footnotes", note("footnote", 1, "Kept.")),
    ]

    run = await engines.parse_bytes("a.docx", docx(paragraph("A", mark("footnote", 1)), parts))

    assert "Kept." in run.markdown
    assert [w.code for w in run.report.warnings] == [WarningCode.CONTENT_NOT_READ]
    assert "DTD" in run.report.warnings[0].message


async def test_many_equal_lines_are_not_rejected_as_a_decompression_bomb(engines: Bench) -> None:
    """Text like this shrinks to a three-hundredth, which is why only the size counts."""
    run = await engines.parse_bytes("a.docx", docx(paragraph("The tide is high.") * 50_000))

    assert run.markdown.count("The tide is high.") == 50_000


async def test_unpacked_size_limit_names_its_setting(engines: Bench) -> None:
    bomb = archive({"[Content_Types].xml": "x", "word/document.xml": "0" * (6 * 2**20)})

    with pytest.raises(Exception, match="raise DOCMILL_MAX_UNPACKED_MB") as failed:
        await engines.parse_bytes("a.docx", bomb, limits=Limits(unpacked_bytes=5 * 2**20))

    assert failed.value.failure_class == "limit_exceeded"  # type: ignore[attr-defined]


async def test_embedded_documents_are_kept_when_their_words_are_in_the_body(engines: Bench) -> None:
    section = '<w:sectPr><w:headerReference w:type="default" r:id="r0"/></w:sectPr>'
    header = word_part("header", "hdr", paragraph("Basalt Registry"))
    headed = (paragraph("a letter inside") + section, [header])
    parts = [
        Related("package", "word/embeddings/a.xlsx", xlsx({"Inner": rows(cell("A1", "7 tons"))})),
        Related("package", "word/embeddings/b.docx", docx(*headed)),
    ]

    run = await engines.parse_bytes("a.docx", docx(paragraph("tons of 7: Inner"), parts))

    assert "| 7 tons |" in run.markdown
    assert "Basalt Registry\n\na letter inside" in run.markdown
    assert run.result.inventory == {"embedded_documents": 2}


async def test_word_form_choices_and_drawn_text_are_kept(engines: Bench) -> None:
    form = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:name w:val="Town"/><w:ddList>'
        '<w:result w:val="1"/><w:listEntry w:val="Amberville"/><w:listEntry w:val="Basaltville"/>'
        "</w:ddList></w:ffData></w:fldChar></w:r></w:p>"
    )
    shape = '<v:shape xmlns:v="urn:schemas-microsoft-com:vml"><v:textpath string="{}"/></v:shape>'
    drawn = f"<w:p><w:r><w:pict>{shape}</w:pict></w:r></w:p>"
    header = word_part("header", "hdr", drawn.format("COBALT DRAFT"))
    section = '<w:sectPr><w:headerReference w:type="default" r:id="r0"/></w:sectPr>'
    data = docx(paragraph("Body") + form + drawn.format("Drawn amber") + section, [header])

    run = await engines.parse_bytes("a.docx", data)

    assert run.markdown.startswith("COBALT DRAFT")
    assert "### Text boxes\n\nDrawn amber" in run.markdown
    assert "### Form values\n\n- Town: Basaltville" in run.markdown
