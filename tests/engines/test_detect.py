"""Content decides what a file is; its name is a hint."""

from pathlib import Path

import pytest

from docmill.engines.detect import detect
from docmill.engines.media import Media
from docmill.errors import FailureClass, ItemFailure
from tests.engines import documents
from tests.fixtures.engines import messages

ODT = documents.odt("Tide", "gauge")


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
def test_content_tells_the_type(tmp_path: Path, name: str, content: bytes, media: Media) -> None:
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
def test_what_cannot_be_read_has_its_class(
    tmp_path: Path, name: str, content: bytes, failure: FailureClass
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(ItemFailure) as failed:
        detect(path, name)

    assert failed.value.failure_class is failure


def test_an_endless_ole_directory_is_corrupt(tmp_path: Path) -> None:
    file = bytearray(documents.ole("x"))
    file[512 + 4 : 512 + 8] = (1).to_bytes(4, "little")
    path = tmp_path / "loop.doc"
    path.write_bytes(file)

    with pytest.raises(ItemFailure) as failed:
        detect(path, path.name)

    assert failed.value.failure_class is FailureClass.CORRUPT


@pytest.mark.parametrize(
    ("name", "warned"), [("a.docx", True), ("a.pdf", False), ("a", False), ("a.unknown", False)]
)
def test_a_name_that_promises_something_else_is_a_warning(
    tmp_path: Path, name: str, warned: bool
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"%PDF-1.7\n")

    warnings = detect(path, name).warnings

    expected = ["The name says DOCX, the content is PDF: read as that."]
    assert messages(warnings) == (expected if warned else [])
