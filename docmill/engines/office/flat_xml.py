"""Conversion of office documents in one XML file to packages.

The formats are flat OpenDocument, flat OPC, and the XML of Word 2003. Elements are copied byte by
byte, so that prefixes and whitespace survive: engines depend on both.
"""

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from docmill.contracts.media_types import Media
from docmill.engines.office.open_packaging import CONTENT_TYPES, ROOT_RELATIONS
from docmill.engines.office.zip_archives import media_of_archive
from docmill.engines.text.charsets import decode
from docmill.errors import FailureClass, ItemFailure

_XML_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>", re.I)
_TAG_NAME = re.compile(rb"<[^\s/>]+")

_OPEN_DOCUMENT = {
    Media.FLAT_ODT: Media.ODT,
    Media.FLAT_ODS: Media.ODS,
    Media.FLAT_ODP: Media.ODP,
}
_OPEN_PARTS = {
    "content.xml": (
        "document-content",
        ("scripts", "font-face-decls", "automatic-styles", "body"),
    ),
    "styles.xml": (
        "document-styles",
        ("font-face-decls", "styles", "automatic-styles", "master-styles"),
    ),
    "meta.xml": ("document-meta", ("meta",)),
}
"""Parts of an OpenDocument package: name of the root, and elements of the flat document."""

_WORD_2003 = "http://schemas.microsoft.com/office/word/2003/wordml"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_WORD_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN_RELATION = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
)
_WRAPPERS = re.compile(rb"</?(?:wx|aml):[\w.-]+(?:\s[^<>]*)?/?>")
"""Elements of Word 2003 that only wrap paragraphs: sections and annotations."""
_FIELD_OF_2003 = re.compile(rb"<w:(pict|binData|docOleData|docSuppData)\b.*?</w:\1>", re.S)


@dataclass(slots=True)
class _Element:
    """An element of a document with the byte offsets of its start tag, content and end."""

    name: str
    attributes: dict[str, str]
    start: int
    end: int = 0
    children: list["_Element"] = field(default_factory=list)


def package_of(data: bytes, media: Media) -> tuple[bytes, Media]:
    """Convert a document of `media.OFFICE_XML` to a package; return it with its type.

    Raises:
        ItemFailure: CORRUPT when it is not well-formed, UNSUPPORTED_TYPE when it is not a document.
    """
    text = decode(data).text
    xml = _XML_DECLARATION.sub("", text, count=1).strip("\ufeff \t\r\n").encode()
    return _PACKERS[media](xml, media)


def _open_document(xml: bytes, media: Media) -> tuple[bytes, Media]:
    root = _tree(xml, depth=1)
    packed = _OPEN_DOCUMENT[media]
    tag = xml[root.start : _end_of_tag(xml, root.start)]
    prefix = root.name.rpartition("document")[0].encode()
    parts = {"mimetype": packed.value.encode()}
    for part, (name, wanted) in _OPEN_PARTS.items():
        inside = [
            xml[child.start : child.end]
            for child in root.children
            if child.name.rpartition(":")[2] in wanted
        ]
        renamed = b"<" + prefix + name.encode()
        parts[part] = (
            _TAG_NAME.sub(renamed, tag, count=1)
            + b"".join(inside)
            + b"</"
            + prefix
            + name.encode()
            + b">"
        )
    parts["META-INF/manifest.xml"] = open_manifest(packed.value)
    return _zipped(parts), packed


def open_manifest(media_type: str) -> bytes:
    """Return the manifest of an OpenDocument package that states only its type."""
    return (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{media_type}"/>'
        "</manifest:manifest>"
    ).encode()


def _flat_package(xml: bytes, _: Media) -> tuple[bytes, Media]:
    root = _tree(xml, depth=3)
    parts: dict[str, bytes] = {}
    types: list[str] = []
    for part in root.children:
        name = part.attributes.get(_prefixed(part, "name"), "").lstrip("/")
        stated = part.attributes.get(_prefixed(part, "contentType"), "")
        if not name or not part.children:
            continue
        parts[name] = _part(xml, root, part)
        types.append(f'<Override PartName="/{name}" ContentType="{stated}"/>')
    parts[CONTENT_TYPES] = f'<Types xmlns="{_TYPES}">{"".join(types)}</Types>'.encode()
    packed = _zipped(parts)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return packed, media_of_archive(archive)


def _part(xml: bytes, root: _Element, part: _Element) -> bytes:
    holder = part.children[0]
    if holder.name.endswith("binaryData"):
        inside = xml[_end_of_tag(xml, holder.start) : xml.rfind(b"<", 0, holder.end)]
        try:
            return base64.b64decode(inside)
        except binascii.Error:
            return b""
    if not holder.children:
        return b""
    found = holder.children[0]
    # namespace declarations of the outer elements apply here
    outer: dict[str, str] = {}
    for element in (root, part, holder):
        outer |= {k: v for k, v in element.attributes.items() if k.startswith("xmlns")}
    missing = {k: v for k, v in outer.items() if k not in found.attributes}
    declared = "".join(f' {name}="{value}"' for name, value in missing.items()).encode()
    whole = xml[found.start : found.end]
    tag = _TAG_NAME.match(whole)
    cut = tag.end() if tag else 0
    return whole[:cut] + declared + whole[cut:]


def _word_2003(xml: bytes, _: Media) -> tuple[bytes, Media]:
    root = _tree(xml, depth=1)
    body = next((one for one in root.children if one.name.rpartition(":")[2] == "body"), None)
    if body is None:
        raise ItemFailure(FailureClass.CORRUPT, "The Word XML has no body.")
    inside = _FIELD_OF_2003.sub(b"", _WRAPPERS.sub(b"", xml[body.start : body.end]))
    inside, notes = _notes_at_end(inside)
    declared = {k: v for k, v in root.attributes.items() if k.startswith("xmlns")}
    names = "".join(
        f' {name}="{_WORD if value == _WORD_2003 else value}"' for name, value in declared.items()
    ).encode()
    document = b"<w:document" + names + b">" + inside.replace(b"</w:body>", notes + b"</w:body>")
    parts = {
        CONTENT_TYPES: (
            f'<Types xmlns="{_TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{_WORD_MAIN}"/></Types>'
        ).encode(),
        ROOT_RELATIONS: (
            f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
            f'Type="{_MAIN_RELATION}" Target="word/document.xml"/></Relationships>'
        ).encode(),
        "word/document.xml": document + b"</w:document>",
    }
    return _zipped(parts), Media.DOCX


_NOTE = re.compile(rb"<w:(footnote|endnote)\b[^>]*>(.*?)</w:\1>", re.S)


def _notes_at_end(body: bytes) -> tuple[bytes, bytes]:
    """Move notes, which Word 2003 writes as paragraphs inside the referring run, to the end."""
    notes = [found[2] for found in _NOTE.finditer(body)]
    return (_NOTE.sub(b"", body), b"".join(notes)) if notes else (body, b"")


_Packer = Callable[[bytes, Media], tuple[bytes, Media]]
_PACKERS: dict[Media, _Packer] = {
    Media.FLAT_ODT: _open_document,
    Media.FLAT_ODS: _open_document,
    Media.FLAT_ODP: _open_document,
    Media.PACKAGE_XML: _flat_package,
    Media.WORD_XML: _word_2003,
}


def _tree(xml: bytes, depth: int) -> _Element:
    """Return the root of ``xml`` with its elements down to ``depth`` levels below it.

    Raises:
        ItemFailure: CORRUPT.
    """
    parser = expat.ParserCreate()
    above: list[_Element] = []
    level = 0
    root: list[_Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal level
        if level <= depth:
            element = _Element(name, attributes, parser.CurrentByteIndex)
            (above[-1].children if above else root).append(element)
            above.append(element)
        level += 1

    def end(_: str) -> None:
        nonlocal level
        level -= 1
        if level <= depth:
            index = parser.CurrentByteIndex
            element = above.pop()
            closing = xml.startswith(b"</", index)
            element.end = _end_of_tag(xml, index if closing else element.start)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ItemFailure(FailureClass.CORRUPT, f"The XML is damaged: {error}.") from None
    return root[0]


def _end_of_tag(xml: bytes, start: int) -> int:
    """Return the index after the tag at ``start``; attribute values may contain ``>``."""
    quote = 0
    for index in range(start, len(xml)):
        byte = xml[index]
        if quote:
            quote = 0 if byte == quote else quote
        elif byte in b"\"'":
            quote = byte
        elif byte == ord(">"):
            return index + 1
    return len(xml)


def _prefixed(element: _Element, name: str) -> str:
    prefix, colon, _ = element.name.rpartition(":")
    return f"{prefix}{colon}{name}"


def _zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()
