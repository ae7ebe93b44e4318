"""Documents in unusual forms are read as the type that they are."""

import base64

import pytest

from tests.engines import documents
from tests.fixtures.engines import Bench

WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
SLIDES_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

LETTER = (
    f'<w:document xmlns:w="{_W}"><w:body><w:p><w:r><w:t>Spring tide</w:t></w:r></w:p></w:body>'
    "</w:document>"
)
BOOK = (
    f'<workbook xmlns="{_S}" xmlns:r="{_R}"><sheets>'
    '<sheet name="One" sheetId="1" r:id="worksheet"/></sheets></workbook>'
)
SHEET = (
    f'<worksheet xmlns="{_S}"><sheetData><row><c t="s"><v>0</v></c></row></sheetData></worksheet>'
)
STRINGS = f'<sst xmlns="{_S}"><si><t>Spring tide</t></si></sst>'
SHOW = (
    f'<p:presentation xmlns:p="{_P}" xmlns:r="{_R}"><p:sldIdLst>'
    '<p:sldId id="256" r:id="slide"/></p:sldIdLst></p:presentation>'
)
SLIDE = (
    f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}"><p:cSld><p:spTree><p:sp><p:nvSpPr>'
    '<p:cNvPr id="2" name="T"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/><p:txBody><a:p><a:r>'
    "<a:t>Spring tide</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
)


def _workbook(folder: str) -> dict[str, bytes | str]:
    main = f"{folder}wb7.xml"
    parts = {
        main: BOOK,
        f"{folder}_rels/wb7.xml.rels": documents.relations(
            worksheet=f"/{folder}s/one.xml", sharedStrings="words.xml"
        ),
        f"{folder}s/one.xml": SHEET,
        f"{folder}words.xml": STRINGS,
    }
    return documents.open_xml(main, SHEET_TYPE, parts)


def _show(folder: str) -> dict[str, bytes | str]:
    main = f"{folder}show2.xml"
    parts = {
        main: SHOW,
        f"{folder}_rels/show2.xml.rels": documents.relations(slide="slides/slide1.xml"),
        f"{folder}slides/slide1.xml": SLIDE,
    }
    return documents.open_xml(main, SLIDES_TYPE, parts)


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("a.docx", documents.open_xml("word/d2.xml", WORD_TYPE, {"word/d2.xml": LETTER})),
        ("b.docx", documents.open_xml("main.xml", WORD_TYPE, {"main.xml": LETTER}, absolute=True)),
        ("c.docx", documents.open_xml("docs/Letter.xml", WORD_TYPE, {"docs/Letter.xml": LETTER})),
        ("a.xlsx", _workbook("xl/")),
        ("b.xlsx", _workbook("book/")),
        ("a.pptx", _show("ppt/")),
        ("b.pptx", _show("deck/")),
    ],
)  # fmt: skip
async def test_office_package_is_read_with_any_part_names(
    engines: Bench, name: str, entries: dict[str, bytes | str]
) -> None:
    run = await engines.parse_bytes(name, documents.archive(entries))

    assert "Spring tide" in run.markdown


_SPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
    )
)  # fmt: skip
BODIES = {
    "text": "<office:text><text:p>Spring tide</text:p></office:text>",
    "spreadsheet": (
        '<office:spreadsheet><table:table table:name="One"><table:table-row>'
        '<table:table-cell office:value-type="string"><text:p>Spring tide</text:p>'
        "</table:table-cell></table:table-row></table:table></office:spreadsheet>"
    ),
    "presentation": (
        '<office:presentation><draw:page draw:name="p"><draw:frame><draw:text-box>'
        "<text:p>Spring tide</text:p></draw:text-box></draw:frame></draw:page>"
        "</office:presentation>"
    ),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_open_document_templates_and_flat_files_are_read(engines: Bench, kind: str) -> None:
    body = f"<office:body>{BODIES[kind]}</office:body>"
    content = f"<office:document-content {_SPACES}>{body}</office:document-content>"
    stated = f"application/vnd.oasis.opendocument.{kind}-template"
    manifest = f'<m:file-entry m:media-type="{stated}" m:full-path="/"/>'
    template = documents.archive({"mimetype": stated, "content.xml": content})
    bare = documents.archive({"META-INF/manifest.xml": manifest, "content.xml": content})
    flat = f'<office:document {_SPACES} office:mimetype="{stated}">{body}</office:document>'

    for name, data in (("a.ott", template), ("b", bare), ("c.xml", flat.encode("utf-16"))):
        assert "Spring tide" in (await engines.parse_bytes(name, data)).markdown


def _flat_part(name: str, content_type: str, inside: str) -> str:
    return f'<g:part g:name="/{name}" g:contentType="{content_type}">{inside}</g:part>'


async def test_office_document_in_single_xml_file_is_read(engines: Bench) -> None:
    relations = _flat_part(
        "_rels/.rels",
        "x",
        f"<g:xmlData>{documents.relations(officeDocument='word/d.xml')}</g:xmlData>",
    )
    head = '<g:package xmlns:g="http://schemas.microsoft.com/office/2006/xmlPackage">'
    plain = _flat_part("word/d.xml", WORD_TYPE, f"<g:xmlData>{LETTER}</g:xmlData>")
    packed = base64.b64encode(LETTER.encode()).decode()
    binary = _flat_part("word/d.xml", WORD_TYPE, f"<g:binaryData>{packed}</g:binaryData>")
    old = (
        '<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml" '
        'xmlns:wx="http://schemas.microsoft.com/office/word/2003/auxHint"><w:body><wx:sect><w:p>'
        "<w:r><w:t>Spring tide</w:t></w:r><w:r><w:footnote><w:p><w:r><w:t>Neap tide</w:t></w:r>"
        "</w:p></w:footnote></w:r></w:p></wx:sect></w:body></w:wordDocument>"
    )

    for inside in (plain, binary):
        run = await engines.parse_bytes("a.xml", f"{head}{relations}{inside}</g:package>")
        assert "Spring tide" in run.markdown
    markdown = (await engines.parse_bytes("a.doc", old)).markdown
    assert "Spring tide" in markdown
    assert "Neap tide" in markdown


async def test_workbook_in_xml_has_a_page_for_each_sheet(engines: Bench) -> None:
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    cells = (
        '<ss:Cell ss:MergeAcross="1"><ss:Data ss:Type="String">Lamp &amp; stand</ss:Data></ss:Cell>'
        '<ss:Cell><ss:Data ss:Type="Number">4711</ss:Data></ss:Cell>'
        '<ss:Cell ss:Index="6"><ss:Data ss:Type="String">far</ss:Data>'
        "<ss:Comment><ss:Data>check it</ss:Data></ss:Comment></ss:Cell>"
    )
    sheets = "".join(
        f'<ss:Worksheet ss:Name="{name}"><ss:Table><ss:Row>{cells}</ss:Row></ss:Table>'
        "</ss:Worksheet>"
        for name in ("One", "Two")
    )
    book = f'<?xml version="1.0"?><ss:Workbook xmlns:ss="{space}">{sheets}</ss:Workbook>'

    result = (await engines.parse_bytes("export.xls", book)).result

    assert [page.markdown.splitlines()[0] for page in result.pages] == ["## One", "## Two"]
    assert "| Lamp & stand |  | 4711 |  |  | far |" in result.pages[1].markdown
    assert "check it" in result.pages[0].markdown


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
async def test_rtf_is_read_after_a_byte_order_mark(engines: Bench, encoding: str) -> None:
    run = await engines.parse_bytes("a.rtf", "\n{\\rtf1\\ansi Spring tide\\par}".encode(encoding))

    assert run.markdown.strip() == "Spring tide"


async def test_apple_mail_is_read_without_its_envelope(engines: Bench) -> None:
    plist = b'<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict/></plist>'
    mail = b"%-10d\n%s%s" % (len(documents.MAIL), documents.MAIL, plist)

    markdown = (await engines.parse_bytes("1.emlx", mail)).markdown

    assert "The tide gauge arrived." in markdown
    assert "plist" not in markdown


async def test_mail_is_read_after_a_byte_order_mark_and_blank_lines(engines: Bench) -> None:
    before = b"\xef\xbb\xbf\r\n\r\n>From ana@example.com Mon Mar  2 10:00:00 2026\n"
    run = await engines.parse_bytes("a.eml", before + documents.MAIL)

    assert "The tide gauge arrived." in run.markdown
    assert "Grüße from the harbour" in run.markdown
    assert ">From" not in run.markdown.replace("\\", "")


async def test_html_of_an_old_charset_reports_its_decoding(engines: Bench) -> None:
    stated = await engines.parse_bytes("a.html", "<meta charset=x-sjis><p>青い樽".encode("cp932"))

    assert "青い樽" in stated.markdown
    assert stated.result.metadata["charset_source"] == "declared"
    assert stated.result.inventory == {"undecoded": 0}
