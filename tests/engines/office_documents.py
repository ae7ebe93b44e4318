"""Office files, built part by part, so that a test states exactly what each part contains."""

from dataclasses import dataclass

from tests.engines.documents import archive

_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument."
WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    f'xmlns:r="{_KINDS}" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
DRAWING = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    f'xmlns:r="{_KINDS}"'
)
SHEET = f'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{_KINDS}"'
OPEN_DOCUMENT = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in {
        "office": "office",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "style": "style",
        "presentation": "presentation",
    }.items()
)


@dataclass(frozen=True)
class Related:
    """A part that another one refers to.

    Attributes:
        kind: last segment of the relationship's type; ids are ``r0``, ``r1`` … in order.
        name: path inside the package.
        content: its text or bytes.
        content_type: as the package states it; empty for ``application/xml``.
    """

    kind: str
    name: str
    content: str | bytes
    content_type: str = ""


def relations(parts: list[Related]) -> str:
    """The relationships of a part."""
    inner = "".join(
        f'<Relationship Id="r{n}" Type="{_KINDS}/{one.kind}" Target="/{one.name}"/>'
        for n, one in enumerate(parts)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'


def package(
    main: str,
    kind: str,
    content: str,
    parts: list[Related],
    further: dict[str, str | bytes] | None = None,
) -> bytes:
    """An Office Open XML package: its main part, the parts of that, and further entries."""
    overrides = "".join(
        f'<Override PartName="/{one.name}" ContentType="{one.content_type}"/>'
        for one in parts
        if one.content_type
    )
    folder, _, file = main.rpartition("/")
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension='
            '"rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/{main}" ContentType="{_TYPES}{kind}.main+xml"/>{overrides}'
            "</Types>",
            "_rels/.rels": relations([Related("officeDocument", main, "")]),
            main: content,
            f"{folder}/_rels/{file}.rels": relations(parts),
            **{one.name: one.content for one in parts},
            **(further or {}),
        }
    )


def paragraph(text: str, more: str = "") -> str:
    """A paragraph of Word."""
    return f'<w:p><w:r><w:t xml:space="preserve">{text}</w:t>{more}</w:r></w:p>'


def docx(
    body: str, parts: list[Related] | None = None, further: dict[str, str | bytes] | None = None
) -> bytes:
    """A Word document with this body."""
    content = f"<w:document {WORD}><w:body>{body}</w:body></w:document>"
    return package("word/document.xml", "wordprocessingml.document", content, parts or [], further)


def word_part(kind: str, root: str, content: str, name: str = "") -> Related:
    """A part of a Word document, such as ``word_part("header", "hdr", …)``."""
    content_type = f"{_TYPES}wordprocessingml.{kind}+xml"
    text = f"<w:{root} {WORD}>{content}</w:{root}>"
    return Related(kind, f"word/{name or kind}.xml", text, content_type)


def pptx(slides: list[str], beside: dict[int, list[Related]] | None = None) -> bytes:
    """A presentation of slides, each with one text box, and the parts beside each of them."""
    parts = [
        Related(
            "slide",
            f"ppt/slides/slide{n}.xml",
            f"<p:sld {DRAWING}><p:cSld><p:spTree><p:sp><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r>"
            "</a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>",
            f"{_TYPES}presentationml.slide+xml",
        )
        for n, text in enumerate(slides, start=1)
    ]
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="r{n}"/>' for n in range(len(slides)))
    further: dict[str, str | bytes] = {}
    for number, related in (beside or {}).items():
        further[f"ppt/slides/_rels/slide{number}.xml.rels"] = relations(related)
        further |= {one.name: one.content for one in related}
    content = f"<p:presentation {DRAWING}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
    return package("ppt/presentation.xml", "presentationml.presentation", content, parts, further)


def xlsx(
    sheets: dict[str, str],
    beside: list[Related] | None = None,
    states: dict[str, str] | None = None,
    main_parts: list[Related] | None = None,
) -> bytes:
    """A workbook of sheets by name, each with its rows as XML; ``beside`` belongs to the first."""
    parts = [
        Related(
            "worksheet",
            f"xl/worksheets/sheet{n}.xml",
            f"<worksheet {SHEET}>{rows}</worksheet>",
            f"{_TYPES}spreadsheetml.worksheet+xml",
        )
        for n, rows in enumerate(sheets.values(), start=1)
    ]
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n + 1}" r:id="r{n}" '
        f'state="{(states or {}).get(name, "visible")}"/>'
        for n, name in enumerate(sheets)
    )
    further: dict[str, str | bytes] = {}
    if beside:
        further["xl/worksheets/_rels/sheet1.xml.rels"] = relations(beside)
        further |= {one.name: one.content for one in beside}
    content = f"<workbook {SHEET}><sheets>{listed}</sheets></workbook>"
    parts += main_parts or []
    return package("xl/workbook.xml", "spreadsheetml.sheet", content, parts, further)


def cell(name: str, text: str) -> str:
    """A cell with a string of its own."""
    return f'<c r="{name}" t="inlineStr"><is><t>{text}</t></is></c>'


def rows(*found: str) -> str:
    """Rows of cells, from the first on."""
    inner = "".join(f'<row r="{n}">{cells}</row>' for n, cells in enumerate(found, start=1))
    return f"<sheetData>{inner}</sheetData>"


def open_document(kind: str, body: str, master: str = "", styles: str = "") -> bytes:
    """An OpenDocument file: its body, what its page style holds, and automatic styles."""
    return archive(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "META-INF/manifest.xml": "<manifest/>",
            "content.xml": f"<office:document-content {OPEN_DOCUMENT}><office:automatic-styles>"
            f"{styles}</office:automatic-styles><office:body><office:{kind}>{body}"
            f"</office:{kind}></office:body></office:document-content>",
            "styles.xml": f"<office:document-styles {OPEN_DOCUMENT}><office:master-styles>"
            f'<style:master-page style:name="Standard">{master}</style:master-page>'
            "</office:master-styles></office:document-styles>",
        }
    )
