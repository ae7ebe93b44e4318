"""Small files that become large, deep or endless when they are read."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random

Bomb = Callable[[Random], tuple[str, bytes]]


def _zip(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return packed.getvalue()


_TYPES = (
    b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    b'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>'
)
_WORDS = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def _docx(document: bytes) -> bytes:
    return _zip(**{"[Content_Types].xml": _TYPES, "word__document.xml": document})


def zip_bomb(random: Random) -> tuple[str, bytes]:
    """Megabytes of one letter in a document's text."""
    text = b"a" * random.randrange(20, 120) * 2**20
    body = b'<w:document xmlns:w="%s"><w:body><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:body>'
    return "zip-bomb.docx", _docx(body % (_WORDS, text) + b"</w:document>")


def many_members(random: Random) -> tuple[str, bytes]:
    """An archive of thousands of files."""
    members = {f"xl__sheet{n}.xml": b"<x/>" for n in range(random.randrange(2_000, 8_000))}
    return "members.xlsx", _zip(**{"[Content_Types].xml": _TYPES}, **members)


def entities(random: Random) -> tuple[str, bytes]:
    """XML entities that name each other: a billion laughs."""
    depth = random.randrange(6, 12)
    lines = [b'<!ENTITY e0 "ha">']
    lines += [b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, depth)]
    top = b"&e%d;" % (depth - 1)
    doctype = b'<?xml version="1.0"?><!DOCTYPE x [%s]>' % b"".join(lines)
    if random.random() < 0.5:
        return "laughs.html", doctype + b"<html><body><p>%s</p></body></html>" % top
    body = b'<w:document xmlns:w="%s"><w:body><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:body>'
    return "laughs.docx", _docx(doctype + body % (_WORDS, top) + b"</w:document>")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def image_bomb(random: Random) -> tuple[str, bytes]:
    """A picture of billions of pixels in a few kilobytes."""
    side = random.choice([20_000, 60_000, 2**31 - 1])
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(2**22), 9)
    parts = _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return "picture.png", b"\x89PNG\r\n\x1a\n" + parts


def nested_html(random: Random) -> tuple[str, bytes]:
    """Elements inside elements."""
    depth = random.randrange(10_000, 200_000)
    tag = random.choice([b"div", b"table><tr><td", b"ul><li", b"blockquote", b"b"])
    return "nested.html", b"<html><body>" + b"<%s>" % tag * depth + b"bottom"


def nested_rtf(random: Random) -> tuple[str, bytes]:
    """Groups inside groups."""
    depth = random.randrange(10_000, 200_000)
    return "nested.rtf", b"{\\rtf1 " + b"{\\b " * depth + b"bottom" + b"}" * depth


def nested_mail(random: Random) -> tuple[str, bytes]:
    """Messages inside messages."""
    depth = random.randrange(200, 3_000)
    head = b"From: a@example.org\r\nMIME-Version: 1.0\r\nSubject: in\r\n"
    parts = [
        head + b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
        for n in range(depth)
    ]
    return "nested.eml", b"".join(parts) + b"Content-Type: text/plain\r\n\r\nbottom\r\n"


def _pdf(*objects: bytes) -> bytes:
    body = b"%PDF-1.7\n"
    places = []
    for number, data in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, data)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R>>\n"
        % (
            size,
            table,
            size,
        )
        + b"startxref\n%d\n%%%%EOF" % len(body)
    )


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


_CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
_PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
_PAGE = (
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
    b"/Resources<</XObject<</X 5 0 R>>>>>>"
)


def pdf_in_itself(random: Random) -> tuple[str, bytes]:
    """A form that draws itself, again and again."""
    times = random.randrange(1, 6)
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>"
    again = _stream(form, b"/X Do " * times)
    return "itself.pdf", _pdf(_CATALOG, _PAGES, _PAGE, _stream(b"", b"/X Do"), again)


def pdf_flate(random: Random) -> tuple[str, bytes]:
    """A content stream of hundreds of megabytes, compressed more than once."""
    data = b" 0 0 m" * (random.randrange(2, 20) * 2**20)
    packed = zlib.compress(zlib.compress(data, 9), 9)
    content = _stream(b"/Filter[/FlateDecode/FlateDecode]", packed)
    return "flate.pdf", _pdf(_CATALOG, _PAGES, _PAGE, content, b"null")


def pdf_nested(random: Random) -> tuple[str, bytes]:
    """Arrays inside arrays."""
    depth = random.randrange(1_000, 200_000)
    return "nested.pdf", _pdf(_CATALOG, _PAGES, b"[" * depth + b"]" * depth)


def one_line(random: Random) -> tuple[str, bytes]:
    """A table of one endless row."""
    return "row.csv", b'"a",' * random.randrange(10**5, 10**6)


BOMBS: tuple[Bomb, ...] = (
    zip_bomb,
    many_members,
    entities,
    image_bomb,
    nested_html,
    nested_rtf,
    nested_mail,
    pdf_in_itself,
    pdf_flate,
    pdf_nested,
    one_line,
)
