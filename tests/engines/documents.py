"""Small documents, built byte by byte, so that a test states exactly what they contain."""

import io
import struct
import uuid
import zipfile

Objects = list[bytes]


def pdf(*pages: str) -> bytes:
    """A PDF with one line of text on each page."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(pages)))
    objects: Objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for n, text in enumerate(pages):
        objects.append(_page(contents=5 + 2 * n, resources=b"/Font<</F1 3 0 R>>"))
        objects.append(_stream(b"BT /F1 24 Tf 72 700 Td (%s) Tj ET" % text.encode("latin-1")))
    return assemble(objects)


def handbook(*pages: str) -> bytes:
    """A PDF of pages with a running title, a picture, a line of text, and numbers from vii on."""
    kids = b" ".join(b"%d 0 R" % (5 + 2 * n) for n in range(len(pages)))
    picture = (
        b"/Type/XObject/Subtype/Image/Width 8/Height 6/ColorSpace/DeviceRGB/BitsPerComponent 8"
    )
    objects: Objects = [
        b"<</Type/Catalog/Pages 2 0 R/PageLabels<</Nums[0<</S/D/St 7>>]>>>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        _stream(bytes([200, 30, 30] * 48), picture),
    ]
    for n, text in enumerate(pages):
        content = (
            b"BT /F1 9 Tf 72 770 Td (Harbour Handbook) Tj ET "
            b"BT /F1 11 Tf 72 600 Td (%s) Tj ET "
            b"q 200 0 0 150 100 400 cm /I Do Q "
            b"BT /F1 9 Tf 300 20 Td (- %d -) Tj ET" % (text.encode("latin-1"), 7 + n)
        )
        resources = b"/Font<</F1 3 0 R>>/XObject<</I 4 0 R>>"
        objects += [_page(contents=6 + 2 * n, resources=resources), _stream(content)]
    return assemble(objects)


def hanging_pdf(*, harmless_pages: int = 0) -> bytes:
    """A PDF whose last page draws itself twice: pdfium follows it without end."""
    drawing = b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]/Resources<</XObject<</F 5 0 R>>>>"
    kids = b"6 0 R " * harmless_pages + b"3 0 R"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, harmless_pages + 1),
        _page(contents=4, resources=b"/XObject<</F 5 0 R>>"),
        _stream(b"/F Do"),
        _stream(b"/F Do /F Do", drawing),
        _page(contents=7, resources=b""),
        _stream(b""),
    ]
    return assemble(objects)


def pdf_with_lost_pages(good: int, lost: int) -> bytes:
    """A PDF whose page tree promises more pages than there are."""
    whole = pdf(*[f"Page {n + 1}" for n in range(good)])
    kids = b" 999 0 R" * lost + b"]/Count %d" % (good + lost)
    return whole.replace(b"]/Count %d" % good, kids)


def assemble(objects: Objects) -> bytes:
    """A PDF file of ``objects``, the first of which is its catalog."""
    out = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    trailer = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (count, table, trailer)


def _page(*, contents: int, resources: bytes) -> bytes:
    return b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R/Resources<<%s>>>>" % (
        contents,
        resources,
    )


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(content), content)


def archive(entries: dict[str, bytes | str]) -> bytes:
    """A ZIP archive; the first entry is stored as it is, as OpenDocument and EPUB want it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for number, (name, data) in enumerate(entries.items()):
            file.writestr(name, data, zipfile.ZIP_STORED if number == 0 else None)
    return out.getvalue()


def open_xml(
    main: str, content_type: str, parts: dict[str, str] | None = None, *, absolute: bool = False
) -> dict[str, bytes | str]:
    """Entries of an Office package whose main part has this name and content type.

    Args:
        main: name of the main part.
        content_type: of it.
        parts: further parts; the main part among them, unless it is to be empty.
        absolute: whether the package's relationship names the main part from the root.
    """
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{types}"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/{main}" ContentType="{content_type}"/></Types>'
        ),
        "_rels/.rels": relations(officeDocument=f"/{main}" if absolute else main),
        main: "<x/>",
        **(parts or {}),
    }


def relations(**targets: str) -> str:
    """A part of relationships; the names say their types, and serve as ids."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    inside = "".join(
        f'<Relationship Id="{kind}" Type="{office}{kind}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{package}">{inside}</Relationships>'


def odt(title: str, text: str, manifest: str = "") -> bytes:
    """An OpenDocument text."""
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    words = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    content = (
        f'<office:document-content xmlns:office="{office}" xmlns:text="{words}"><office:body>'
        f'<office:text><text:h text:outline-level="1">{title}</text:h><text:p>{text}</text:p>'
        "</office:text></office:body></office:document-content>"
    )
    return archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "META-INF/manifest.xml": f"<manifest>{manifest}</manifest>",
            "content.xml": content,
        }
    )


def docx_with_picture(text: str, picture: bytes) -> bytes:
    """A Word document of one line and one picture."""
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    words = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    drawing = "http://schemas.openxmlformats.org/drawingml/2006"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"

    def relations(kind: str, target: str) -> str:
        one = f'<Relationship Id="r1" Type="{kinds}/{kind}" Target="{target}"/>'
        return f'<Relationships xmlns="{packages}/relationships">{one}</Relationships>'

    shown = (
        f'<w:drawing><wp:inline xmlns:wp="{drawing}/wordprocessingDrawing"><wp:docPr id="1" '
        f'name="p"/><a:graphic xmlns:a="{drawing}/main"><a:graphicData uri="{drawing}/picture">'
        f'<pic:pic xmlns:pic="{drawing}/picture"><pic:blipFill><a:blip xmlns:r="{kinds}" '
        'r:embed="r1"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline>'
        "</w:drawing>"
    )
    return archive(
        {
            "[Content_Types].xml": f'<Types xmlns="{packages}/content-types"><Default '
            'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships'
            '+xml"/><Default Extension="png" ContentType="image/png"/><Override PartName='
            f'"/word/document.xml" ContentType="{main}"/></Types>',
            "_rels/.rels": relations("officeDocument", "word/document.xml"),
            "word/_rels/document.xml.rels": relations("image", "media/image1.png"),
            "word/document.xml": f'<w:document xmlns:w="{words}"><w:body><w:p><w:r><w:t>{text}'
            f"</w:t></w:r></w:p><w:p><w:r>{shown}</w:r></w:p></w:body></w:document>",
            "word/media/image1.png": picture,
        }
    )


def epub(title: str, text: str) -> bytes:
    """An e-book of one chapter."""
    container = (
        '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/>'
        "</rootfiles></container>"
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
        '<manifest><item id="c" href="c.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="c"/></spine></package>'
    )
    return archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "book.opf": package,
            "c.xhtml": xhtml(title, text),
        }
    )


def xhtml(title: str, text: str) -> str:
    """A page of XHTML, which begins as XML does."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    )


def ole(*streams: str, storages: dict[str, list[str]] | None = None, clsid: str = "") -> bytes:
    """An OLE compound file with empty streams of these names in its root, and in storages."""
    header = struct.pack(
        "<8s16xHHHHH10xIIIIIIII",
        bytes.fromhex("d0cf11e0a1b11ae1"),
        0x3E, 3, 0xFFFE, 9, 6,
        1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0,
    )  # fmt: skip
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    inside = storages or {}
    top = [*inside, *streams]
    entries = [_ole_entry("Root Entry", 5, child=1, clsid=uuid.UUID(clsid or _NO_CLASS))]
    below: list[bytes] = []
    for number, name in enumerate(top, start=1):
        following = number + 1 if number < len(top) else _NONE
        first = 1 + len(top) + len(below)
        kind = 1 if name in inside else 2
        entries.append(_ole_entry(name, kind, right=following, child=first if kind == 1 else _NONE))
        for left, deep in reversed([*enumerate(reversed(inside.get(name, [])))]):
            below.append(_ole_entry(deep, 2, right=len(top) + len(below) + 2 if left else _NONE))
    sectors = 1 + (len(entries + below) + 3) // 4
    table = [0xFFFFFFFD, *range(2, sectors), 0xFFFFFFFE]
    allocation = struct.pack("<128I", *table, *[0xFFFFFFFF] * (128 - len(table)))
    return header + allocation + b"".join(entries + below).ljust((sectors - 1) * 512, b"\0")


_NONE = 0xFFFFFFFF
_NO_CLASS = "0" * 32


def _ole_entry(
    name: str, kind: int, *, right: int = _NONE, child: int = _NONE, clsid: uuid.UUID | None = None
) -> bytes:
    wide = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16s20xIQ",
        wide, len(wide), kind, 1, _NONE, right, child,
        clsid.bytes_le if clsid else bytes(16), 0xFFFFFFFE, 0,
    )  # fmt: skip


def tiff(frames: int) -> bytes:
    """A TIFF of white frames, two pixels wide and high."""
    out = b"II*\0" + struct.pack("<I", 12) + b"\xff" * 4
    for number in range(frames):
        entries = [
            (256, 3, 2), (257, 3, 2), (258, 3, 8), (259, 3, 1), (262, 3, 1),
            (273, 4, 8), (277, 3, 1), (278, 3, 2), (279, 4, 4),
        ]  # fmt: skip
        following = len(out) + 2 + 12 * len(entries) + 4
        out += struct.pack("<H", len(entries))
        out += b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in entries)
        out += struct.pack("<I", following if number + 1 < frames else 0)
    return out


MAIL = b"""Return-Path: <ana@example.com>
From: Ana <ana@example.com>
To: Ben <ben@example.com>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from the harbour
Date: Mon, 2 Mar 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

The tide gauge arrived.
"""

RTF = rb"{\rtf1\ansi Tide \b gauge\b0  manual.\par Second caf\'e9 line.}"
