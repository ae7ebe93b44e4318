"""Word, Excel and PowerPoint files with the parts that a reader needs, and no others."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"

Row = list[str | float]


def write_docx(path: Path, title: str, blocks: list[str | list[Row]]) -> None:
    """Write a title, then paragraphs (strings, ``# `` makes a heading) and tables (rows)."""
    body = _paragraph(title, "Title") + "".join(map(_block, blocks))
    parts = {
        "word/document.xml": f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>',
        "word/styles.xml": f'<w:styles xmlns:w="{_W}">'
        + "".join(map(_style, ("Title", "Heading1")))
        + "</w:styles>",
        "word/_rels/document.xml.rels": _relations([("styles", "styles.xml")]),
    }
    types = {
        "word/document.xml": "wordprocessingml.document.main",
        "word/styles.xml": "wordprocessingml.styles",
    }
    _write_package(path, "word/document.xml", title, parts, types)


def _style(name: str) -> str:
    return (
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{name}"/>'
        "<w:rPr><w:b/></w:rPr></w:style>"
    )


def _paragraph(text: str, style: str = "") -> str:
    chosen = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{chosen}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def _block(block: str | list[Row]) -> str:
    if isinstance(block, list):
        rows = "".join(
            "<w:tr>" + "".join(f"<w:tc>{_paragraph(str(cell))}</w:tc>" for cell in row) + "</w:tr>"
            for row in block
        )
        return f"<w:tbl>{rows}</w:tbl>"
    if block.startswith("# "):
        return _paragraph(block.removeprefix("# "), "Heading1")
    return _paragraph(block)


def write_xlsx(path: Path, title: str, sheets: dict[str, list[Row]]) -> None:
    """Write one sheet per entry; numbers stay numbers."""
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{i}" r:id="rId{i}"/>'
        for i, name in enumerate(names, 1)
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{_S}" xmlns:r="{_OFFICE}">'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": _relations(
            [("worksheet", f"worksheets/sheet{i}.xml") for i in range(1, len(names) + 1)]
        ),
    }
    types = {"xl/workbook.xml": "spreadsheetml.sheet.main"}
    for i, rows in enumerate(sheets.values(), 1):
        name = f"xl/worksheets/sheet{i}.xml"
        parts[name] = (
            f'<worksheet xmlns="{_S}"><sheetData>'
            + "".join(_sheet_row(number, row) for number, row in enumerate(rows, 1))
            + "</sheetData></worksheet>"
        )
        types[name] = "spreadsheetml.worksheet"
    _write_package(path, "xl/workbook.xml", title, parts, types)


def _sheet_row(number: int, row: Row) -> str:
    cells = "".join(_cell(f"{chr(65 + column)}{number}", value) for column, value in enumerate(row))
    return f'<row r="{number}">{cells}</row>'


def _cell(place: str, value: str | float) -> str:
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def write_pptx(path: Path, title: str, slides: list[tuple[str, list[str]]]) -> None:
    """Write slides of a heading and lines each."""
    listed = "".join(f'<p:sldId id="{255 + i}" r:id="rId{i}"/>' for i in range(1, len(slides) + 1))
    parts = {
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{_P}" xmlns:r="{_OFFICE}">'
        f'<p:sldIdLst>{listed}</p:sldIdLst><p:sldSz cx="9144000" cy="6858000"/>'
        '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": _relations(
            [("slide", f"slides/slide{i}.xml") for i in range(1, len(slides) + 1)]
        ),
    }
    types = {"ppt/presentation.xml": "presentationml.presentation.main"}
    for i, (heading, lines) in enumerate(slides, 1):
        name = f"ppt/slides/slide{i}.xml"
        shapes = _shape(2, "title", [heading]) + _shape(3, "body", lines)
        parts[name] = (
            f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}"><p:cSld><p:spTree><p:nvGrpSpPr>'
            '<p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
            f"{shapes}</p:spTree></p:cSld></p:sld>"
        )
        types[name] = "presentationml.slide"
    _write_package(path, "ppt/presentation.xml", title, parts, types)


def _shape(number: int, kind: str, lines: list[str]) -> str:
    text = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{kind}"/><p:cNvSpPr/>'
        f'<p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/>'
        f"<p:txBody><a:bodyPr/>{text}</p:txBody></p:sp>"
    )


def _relations(targets: list[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{i}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _write_package(
    path: Path, main: str, title: str, parts: dict[str, str], types: dict[str, str]
) -> None:
    """Write the zip, stored and with one fixed time, so that its bytes never vary."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{_TYPES}.{kind}+xml"/>'
        for name, kind in types.items()
    )
    content_types = (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
        f"{overrides}</Types>"
    )
    core = (
        f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title></cp:coreProperties>"
    )
    roots = (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="{main}"/>'
        f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" '
        'Target="docProps/core.xml"/></Relationships>'
    )
    everything = {
        "[Content_Types].xml": content_types,
        "_rels/.rels": roots,
        "docProps/core.xml": core,
        **parts,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        for name, xml in everything.items():
            package.writestr(zipfile.ZipInfo(name), _XML + xml)
