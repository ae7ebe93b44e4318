"""The content determines the type of a file; its name is a hint."""

from pathlib import Path

import pytest

from docmill.contracts.media_types import EXTENSIONS, Media, decided_by_name, name_warning
from docmill.engines.detect import detect
from docmill.errors import FailureClass, ItemFailure
from tests.engines import documents

ODT = documents.odt("Tide", "gauge")
OPEN = "application/vnd.oasis.opendocument."
MANIFEST = (
    '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    '<m:file-entry m:media-type="{}" m:full-path="/"/></m:manifest>'
)
BOOK = '<rootfile full-path="a.opf" media-type="application/oebps-package+xml"/>'
_OFFICE = "application/vnd.openxmlformats-officedocument."
WORD_TYPE = _OFFICE + "wordprocessingml.document.main+xml"
SHEET_TYPE = _OFFICE + "spreadsheetml.template.main+xml"
BINARY_SHEET_TYPE = "application/vnd.ms-excel.sheet.binary.macroEnabled.main"
SLIDES_TYPE = _OFFICE + "presentationml.slideshow.main+xml"


@pytest.mark.parametrize(
    ("name", "content", "media"),
    [
        ("a", b"%PDF-1.7\n", Media.PDF),
        ("junk.pdf", b"\n\nprologue\n%PDF-1.7\n", Media.PDF),
        ("a", b"\x89PNG\r\n\x1a\n\0\0", Media.PNG),
        ("a", b"\xff\xd8\xff\xe0\0\0", Media.JPEG),
        ("a", b"GIF89a\0\0", Media.GIF),
        ("a", b"BM\x36\0\0\0\0\0", Media.BMP),
        ("a", b"RIFF\x10\0\0\0WEBPVP8 ", Media.WEBP),
        ("a", b"II*\0\x08\0\0\0", Media.TIFF),
        ("a", b"MM\0*\0\0\0\x08", Media.TIFF),
        ("a", documents.archive({"[Content_Types].xml": "", "word/document.xml": ""}), Media.DOCX),
        ("a", documents.archive({"[Content_Types].xml": "", "xl/workbook.xml": ""}), Media.XLSX),
        ("a", documents.archive({"[C].xml": "", "ppt/presentation.xml": ""}), Media.PPTX),
        ("a", documents.odt("a", "b"), Media.ODT),
        ("a", documents.epub("a", "b"), Media.EPUB),
        ("a", documents.ole("WordDocument"), Media.DOC),
        ("a", documents.ole("Workbook"), Media.XLS),
        ("a", documents.ole("PowerPoint Document"), Media.PPT),
        ("a", documents.ole(*"abcdef", "__properties_version1.0"), Media.MSG),
        ("a", documents.RTF, Media.RTF),
        ("a", documents.MAIL, Media.EML),
        ("a.eml", b"Subject: hello\n\nword", Media.EML),
        ("memo.txt", b"From: Ana\nTo: Ben\nSubject: tide\n\nword", Media.TEXT),
        ("a", b"<!DOCTYPE html><html><body>x", Media.HTML),
        ("a", b"\xef\xbb\xbf  <!-- c --><html>", Media.HTML),
        ("a", documents.xhtml("a", "b").encode(), Media.HTML),
        ("a.html", b"<p>fragment</p>", Media.HTML),
        ("a", "<html>Grüße</html>".encode("utf-16"), Media.HTML),
        ("a.md", b"# title", Media.MARKDOWN),
        ("a.md", b"<!-- comment -->\n# title", Media.MARKDOWN),
        ("a.csv", b"a,b\n", Media.CSV),
        ("a.xml", b"<?xml version='1.0'?><data/>", Media.TEXT),
        ("a.log", "día § tag\n".encode("cp1252"), Media.TEXT),
        ("a.txt", b"BM is not a bitmap here", Media.TEXT),
    ],
)
def test_content_determines_the_type(
    tmp_path: Path, name: str, content: bytes, media: Media
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    assert detect(path, name).media_type == media


@pytest.mark.parametrize(
    ("name", "content", "failure"),
    [
        ("a.pdf", b"", FailureClass.EMPTY),
        ("a.bin", bytes(range(256)) * 8, FailureClass.UNSUPPORTED_TYPE),
        ("a.zip", documents.archive({"a.txt": "x"}), FailureClass.UNSUPPORTED_TYPE),
        ("a", documents.ole("Something"), FailureClass.UNSUPPORTED_TYPE),
        ("a.pdf", bytes(range(256)) * 8, FailureClass.CORRUPT),
        ("a.docx", documents.odt("a", "b")[:60], FailureClass.CORRUPT),
        ("hole.odt", ODT[:20] + ODT[200:], FailureClass.CORRUPT),
        ("a.doc", documents.ole("WordDocument")[:512], FailureClass.CORRUPT),
        ("a.docx", documents.ole("EncryptedPackage"), FailureClass.ENCRYPTED),
        ("a.ppt", documents.ole("EncryptedSummary"), FailureClass.ENCRYPTED),
        (
            "a.epub",
            documents.archive({"mimetype": "application/epub+zip", "META-INF/rights.xml": ""}),
            FailureClass.ENCRYPTED,
        ),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,  # archives hold the time
)
def test_unreadable_document_has_its_failure_class(
    tmp_path: Path, name: str, content: bytes, failure: FailureClass
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(ItemFailure) as failed:
        detect(path, name)

    assert failed.value.failure_class is failure


def test_cyclic_ole_directory_is_read_once(tmp_path: Path) -> None:
    file = bytearray(documents.ole("x"))
    file[512 + 4 : 512 + 8] = (1).to_bytes(4, "little")
    path = tmp_path / "loop.doc"
    path.write_bytes(file)

    with pytest.raises(ItemFailure):
        detect(path, path.name)


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (documents.ole("Workbook", storages={"MBD1": ["WordDocument", "1Table"]}), Media.XLS),
        (documents.ole("Workbook", storages={"MBD1": ["EncryptedPackage"]}), Media.XLS),
        (
            documents.ole(
                "__properties_version1.0", storages={"__attach_version1.0_#0": ["Workbook"]}
            ),
            Media.MSG,
        ),
        (
            documents.ole("WordDocument", storages={"ObjectPool": ["PowerPoint Document"]}),
            Media.DOC,
        ),
        (
            documents.ole("Book", "WordDocument", clsid="00020820-0000-0000-C000-000000000046"),
            Media.XLS,
        ),
    ],
    ids=["word object", "protected object", "attachment", "slide object", "class of the root"],
)
def test_type_of_an_ole_file_is_determined_by_its_root_storage(
    tmp_path: Path, content: bytes, media: Media
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    assert detect(path, "a").media_type == media


FIRST_LINES = {
    "ARC-Seal": "i=1; a=rsa-sha256;\r\n\tt=1717401600; cv=none",
    "Authentication-Results": "mx.example.org; spf=pass",
    "In-Reply-To": "<0@example.org>",
    "Sender": "list@example.org",
    "Thread-Topic": "Keys",
    "Organization": "Harbour",
}


@pytest.mark.parametrize("first", FIRST_LINES)
def test_mail_is_detected_with_any_first_header(tmp_path: Path, first: str) -> None:
    path = tmp_path / "file"
    path.write_text(f"{first}: {FIRST_LINES[first]}\r\nSubject: Keys\r\n\r\nwords", newline="")

    assert detect(path, "a.eml").media_type == Media.EML
    path.write_text(f"{first}: x\nMessage-ID: <1@example.org>\nTo: b\n c\n\nwords")
    assert detect(path, "no-name").media_type == Media.EML


@pytest.mark.parametrize(
    "text",
    [
        "Dear all: hello\n\nwords",
        "Milk\nEggs\n",
        "Note: buy\nmilk\neggs\nbread\n",
        "x\nSubject: y\n",
    ],
)
def test_text_named_eml_without_headers_stays_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)

    assert detect(path, "a.eml").media_type == Media.TEXT


XML = '<?xml version="1.0"?>\n'
SHEET = '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">'
FLAT = (
    '<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'office:mimetype="application/vnd.oasis.opendocument.{}">'
)


@pytest.mark.parametrize(
    ("name", "text", "media"),
    [
        ("export.xls", f'{XML}<?mso-application progid="Excel.Sheet"?>{SHEET}', Media.EXCEL_XML),
        ("export.xml", f"{XML}<!-- made by hand -->{SHEET}", Media.EXCEL_XML),
        ("a.fodt", XML + FLAT.format("text"), Media.FLAT_ODT),
        ("a.xml", XML + FLAT.format("spreadsheet-template"), Media.FLAT_ODS),
        ("a.fodp", FLAT.format("presentation"), Media.FLAT_ODP),
        (
            "a.doc",
            f'{XML}<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">',
            Media.WORD_XML,
        ),
        (
            "a.xml",
            f'{XML}<p:package xmlns:p="http://schemas.microsoft.com/office/2006/xmlPackage">',
            Media.PACKAGE_XML,
        ),
        ("a.rtf", "\ufeff{\\rtf1 words}", Media.RTF),
        ("a.rtf", "\r\n\r\n {\\rtf1 words}", Media.RTF),
        ("a.txt", "{\\rtf1 words}", Media.RTF),
        ("a.html", "Welcome to the <b>harbour</b>", Media.HTML),
        ("a.htm", "Fish &amp; chips", Media.HTML),
        ("a.html", "no markup at all", Media.TEXT),
        ("a.xls", "<table border=1><tr><td>x</td></tr></table>", Media.HTML),
        ("a", "\n<TABLE><TBODY><TR><TD>x</TD></TR></TABLE>", Media.HTML),
        ("a.txt", "<p>harbour</p>", Media.TEXT),
        ("a.md", "<table><tr><td>x</td></tr></table>", Media.MARKDOWN),
        ("1.emlx", "42 \nReturn-Path: <a@example.org>\nSubject: x\n\nwords", Media.EML),
        ("2.emlx", "42\nX-Uuid: 7\nSubject: x\n\nwords", Media.EML),
    ],
)
def test_type_of_markup_is_determined_by_its_structure(
    tmp_path: Path, name: str, text: str, media: Media
) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8", newline="")

    assert detect(path, name).media_type == media


@pytest.mark.parametrize(
    ("entries", "media"),
    [
        ({"mimetype": OPEN + "presentation"}, Media.ODP),
        ({"mimetype": OPEN + "text-template"}, Media.ODT),
        ({"mimetype": "\ufeff" + OPEN + "spreadsheet-template\n"}, Media.ODS),
        ({"META-INF/manifest.xml": MANIFEST.format(OPEN + "presentation-template")}, Media.ODP),
        ({"META-INF/container.xml": BOOK}, Media.EPUB),
        ({"mimetype": "application/zip", "META-INF/container.xml": BOOK}, Media.EPUB),
        (
            {
                "_rels/.rels": documents.relations(officeDocument="./word/d2.xml"),
                "word/d2.xml": "<w/>",
            },
            Media.DOCX,
        ),
        (documents.open_xml("word/document2.xml", WORD_TYPE), Media.DOCX),
        (documents.open_xml("main.xml", WORD_TYPE, absolute=True), Media.DOCX),
        (documents.open_xml("xl/wb.xml", SHEET_TYPE), Media.XLSX),
        (documents.open_xml("xl/workbook.bin", BINARY_SHEET_TYPE), Media.XLSB),
        (documents.open_xml("deck/p.xml", SLIDES_TYPE), Media.PPTX),
        ({"word\\document.xml": "<w/>"}, Media.DOCX),
    ],
)
def test_type_of_an_office_archive_is_determined_by_its_entries(
    tmp_path: Path, entries: dict[str, bytes | str], media: Media
) -> None:
    path = tmp_path / "file"
    path.write_bytes(documents.archive(entries))

    assert detect(path, "a").media_type == media


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (documents.archive({"mimetype": OPEN + "graphics"}), "an OpenDocument drawing"),
        (
            documents.archive(
                documents.open_xml(
                    "visio/document.xml", "application/vnd.ms-visio.drawing.main+xml"
                )
            ),
            "a Visio drawing",
        ),
        (documents.archive({"Index/Document.iwa": "x"}), "an Apple iWork document"),
        (documents.ole("VisioDocument"), "a Visio drawing"),
        (documents.ole("Props", storages={"x": ["WordDocument"]}), "a Project plan"),
        (b"x" * 257 + b"ustar\0" + bytes(300), "a tar archive"),
        (b"%!PS-Adobe-3.0\n(text) show\n", "a PostScript document"),
        (b"P6\n90 70\n255\n" + b"\xff" * 18_900, "a PNM image"),
        (b"\0\0\0\x20ftypavif" + bytes(64), "an AVIF image"),
        (b"bplist00\xd1\x01\x02" + bytes(64), "a binary property list"),
        (b"\x1f\x8b\x08" + bytes(range(64)), "a gzip archive"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unsupported_format_is_reported(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(ItemFailure, match=f"No engine reads {reason}"):
        detect(path, "a")


@pytest.mark.parametrize(
    ("name", "warned"), [("a.docx", True), ("a.pdf", False), ("a", False), ("a.unknown", False)]
)
def test_file_name_of_another_type_gives_a_warning(name: str, warned: bool) -> None:
    found = name_warning(name, Media.PDF)

    expected = "The name says DOCX, the content is PDF: read as that."
    assert (found.message if found else None) == (expected if warned else None)


@pytest.mark.parametrize(
    ("name", "decided"),
    [
        ("a.csv", "text/csv"),
        ("A.TSV", "text/csv"),
        ("a.htm", "text/html"),
        ("a.eml", "message/rfc822"),
        ("a.md", "text/markdown"),
        ("a.pdf", "application/pdf"),
        ("folder.csv/a.txt", ""),
        ("a.docx", ""),
        ("a", ""),
        ("a.srt", ".srt"),
    ],
)
def test_only_some_extensions_determine_how_bytes_are_read(name: str, decided: str) -> None:
    assert decided_by_name(name, {".srt"}) == decided


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"<p>x</p>",
        b"Subject: x\n\nwords",
        b"# x",
        b"words %PDF-",
        b"<table><tr><td>x",
    ],
)
def test_names_with_equal_hints_give_equal_types(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    found: dict[str, set[str]] = {}
    for ending in [*EXTENSIONS, "", ".log", ".xml"]:
        media = detect(path, f"a{ending}").media_type
        found.setdefault(decided_by_name(f"a{ending}"), set()).add(media)

    assert {decided: len(types) for decided, types in found.items()} == dict.fromkeys(found, 1)
