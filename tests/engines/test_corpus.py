"""Real documents: every valid one completes, every hostile one has a typed outcome."""

from pathlib import Path

from docmill.errors import FailureClass, ItemFailure
from tests.fixtures.engines import Bench

PHRASES = {
    "attention_is_all_you_need.pdf": "BLEU",
    "habibi-arabic.pdf": "habibi",
    "MEDRPT-2024-PAT-3847_medical_report_scan.pdf": "Patient",
    "multicolumn.pdf": "",
    "noisebridge_receipt.pdf": "Noisebridge",
    "scanned-image-only.pdf": "",
    "Simple PDF Slides.pdf": "",
    "software_architect_resume.html": "Technical Skills",
    "test.docx": "AutoGen",
    "test.epub": "blockquote",
    "test.pptx": "AutoGen",
    "test.xlsx": "Alpha",
    "test_blog.html": "TL;DR",
    "test_mskanji.csv": "佐藤太郎",
    "test_outlook_msg.msg": "This is the body of the test email message",
}
"""What a reader finds in the text; nothing where the page is a picture without letters."""

HOSTILE = {
    "encrypted.pdf": FailureClass.ENCRYPTED,
    "poppler-395-0-fuzzed.pdf": FailureClass.CORRUPT,
    "poppler-937-0-fuzzed.pdf": FailureClass.PAGES_FAILED,
    "random.bin": FailureClass.UNSUPPORTED_TYPE,
    "truncated.pdf": FailureClass.CORRUPT,
    "zero_bytes.pdf": FailureClass.EMPTY,
}
"""Those that fail; the others are damaged in ways that readers forgive."""


async def test_every_document_completes_with_its_text(engines: Bench, corpus: Path) -> None:
    for path in sorted((corpus / "documents").iterdir()):
        run = await engines.parse(path)

        assert run.report.pages_failed == 0, path.name
        expected = PHRASES.get(path.name)
        if expected is None:
            assert len(run.markdown.split()) > 20, path.name
        assert (expected or "") in run.markdown, path.name


async def test_every_hostile_file_has_a_typed_outcome(engines: Bench, corpus: Path) -> None:
    outcomes: dict[str, FailureClass] = {}
    for path in sorted((corpus / "hostile").iterdir()):
        try:
            await engines.parse(path)
        except ItemFailure as failure:
            outcomes[path.name] = failure.failure_class

    known = {path.name for path in (corpus / "hostile").iterdir()} & HOSTILE.keys()
    assert {name: outcomes.get(name) for name in known} == {name: HOSTILE[name] for name in known}
    after = await engines.parse_bytes("after.txt", "still alive")
    assert after.markdown == "still alive"


async def test_content_overrides_the_extension(engines: Bench, corpus: Path) -> None:
    html = await engines.parse(corpus / "hostile" / "html_named.pdf")
    pdf = await engines.parse(corpus / "hostile" / "pdf_named.docx")

    assert (html.report.media_type, pdf.report.media_type) == ("text/html", "application/pdf")
