"""Parts of a PDF outside the text of its pages."""

import pytest

from docmill.contracts.warnings import WarningCode
from tests.engines.drawn import Pdf, line, lines, to_unicode
from tests.fixtures.engines import Bench

BODY = lines(["Application for a berth in the harbour", "of Basaltville"], (72, 600))
RECT = "/Rect[150 500 350 520]"


def _form(*fields: str) -> bytes:
    pdf = Pdf()
    pdf.page(BODY, annotations=[f"<</Type/Annot/Subtype/Widget{one}>>" for one in fields])
    first = pdf.pages[0] - len(fields)
    kids = " ".join(f"{first + n} 0 R" for n in range(len(fields)))
    pdf.catalog = f"/AcroForm<</Fields[{kids}]/NeedAppearances true>>"
    return pdf.bytes()


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"/FT/Tx/T(name)/V(Amber Example){RECT}", "name: Amber Example"),
        (f"/FT/Tx/T(form[0].age[0])/V(7){RECT}", "age: 7"),
        (f"/FT/Tx/T(x)/TU(Your town)/V(Basaltville){RECT}", "Your town: Basaltville"),
        (f"/FT/Ch/Ff 131072/T(town)/V(Cobaltville)/Opt[(A)(Cobaltville)]{RECT}", "Cobaltville"),
        (f"/FT/Ch/T(list)/V(Second)/Opt[(First)(Second)]{RECT}", "list: Second"),
        (f"/FT/Ch/Ff 2097152/T(list)/V[(A)(C)]/Opt[(A)(B)(C)]{RECT}", "list: A, C"),
        (f"/FT/Ch/Ff 131072/T(day)/V(d1)/Opt[[(d1)(Monday)][(d2)(Tuesday)]]{RECT}", "day: Monday"),
        (f"/FT/Btn/T(agree)/V/Yes/AS/Yes/AP<</N<</Yes null/Off null>>>>{RECT}", "[x] agree"),
    ],
)
async def test_form_field_value_is_in_the_markdown(
    engines: Bench, field: str, expected: str
) -> None:
    run = await engines.parse_bytes("form.pdf", _form(field))

    assert expected in run.markdown
    assert expected in run.result.pages[0].text
    assert run.result.inventory["form_fields"] == 1


@pytest.mark.parametrize(
    "field",
    [
        f"/FT/Tx/T(secret)/Ff 8192/V(hidden-word){RECT}",
        f"/FT/Tx/T(empty)/V(){RECT}",
        f"/FT/Btn/T(agree)/V/Off/AS/Off/AP<</N<</Yes null/Off null>>>>{RECT}",
        "/FT/Tx/T(shown)/V(Application for)/Rect[72 595 300 615]",
    ],
)
async def test_empty_and_password_fields_add_no_text(engines: Bench, field: str) -> None:
    run = await engines.parse_bytes("form.pdf", _form(field))

    assert run.markdown == "Application for a berth in the harbour of Basaltville"


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("/Subtype/FreeText/Contents(typed amber)/DA(/Helv 12 Tf)", "typed amber"),
        ("/Subtype/Text/T(Ann)/Contents(see the ledger)", "Comment by Ann: see the ledger"),
        ("/Subtype/Highlight/Contents(is this right?)", "Comment: is this right?"),
    ],
)
async def test_typed_text_and_comments_are_in_the_markdown(
    engines: Bench, note: str, expected: str
) -> None:
    data = Pdf().page(BODY, annotations=[f"<</Type/Annot{RECT}{note}>>"]).bytes()

    run = await engines.parse_bytes("notes.pdf", data)

    assert run.markdown.endswith(expected)
    assert run.result.inventory["comments"] == 1


async def test_text_of_a_stamp_is_in_the_markdown(engines: Bench) -> None:
    pdf = Pdf()
    form = "/Type/XObject/Subtype/Form/BBox[0 0 200 30]/Resources<</Font<</F1 3 0 R>>>>"
    shown = pdf.stream(line("RECEIVED 7 June by Ann", (5, 5)), form)
    stamp = f"<</Type/Annot/Subtype/Stamp/Rect[50 50 250 80]/F 4/AP<</N {shown} 0 R>>>>"
    box = f"<</Type/Annot/Subtype/Square/Rect[50 90 250 120]/F 4/AP<</N {shown} 0 R>>>>"
    data = pdf.page(BODY, annotations=[stamp, box]).bytes()

    run = await engines.parse_bytes("stamped.pdf", data)

    assert run.markdown.endswith("RECEIVED 7 June by Ann")
    assert run.markdown.count("RECEIVED") == 1


def _attached(count: int, collection: str = "") -> bytes:
    pdf = Pdf().page(BODY)
    names = ""
    for n in range(count):
        content = pdf.stream("lantern;7", "/Type/EmbeddedFile")
        file = pdf.add(f"<</Type/Filespec/F(part{n}.csv)/UF(part{n}.csv)/EF<</F {content} 0 R>>>>")
        names += f"(part{n}.csv){file} 0 R"
    pdf.catalog = f"/Names<</EmbeddedFiles<</Names[{names}]>>>>{collection}"
    return pdf.bytes()


async def test_attachments_are_counted_and_reported(engines: Bench) -> None:
    run = await engines.parse_bytes("attached.pdf", _attached(7))

    (told,) = run.report.warnings
    assert told.code is WarningCode.CONTENT_NOT_READ
    assert told.message.startswith("Attachments were not read: 7 (part0.csv, part1.csv,")
    assert run.result.inventory["attachments"] == 7


async def test_files_of_a_portfolio_are_reported(engines: Bench) -> None:
    run = await engines.parse_bytes("portfolio.pdf", _attached(1, "/Collection<</View/D>>"))

    (told,) = run.report.warnings
    assert told.message == "The files of the portfolio were not read: 1 (part0.csv)."


async def test_attachment_of_a_page_annotation_is_counted(engines: Bench) -> None:
    pdf = Pdf()
    content = pdf.stream("lantern;7", "/Type/EmbeddedFile")
    file = f"<</Type/Filespec/F(a.csv)/EF<</F {content} 0 R>>>>"
    pdf.page(BODY, annotations=[f"<</Type/Annot/Subtype/FileAttachment{RECT}/FS{file}>>"])

    run = await engines.parse_bytes("clip.pdf", pdf.bytes())

    assert run.result.inventory["attachments"] == 1
    assert [w.code for w in run.report.warnings] == [WarningCode.CONTENT_NOT_READ]


DATA = (
    '<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><form>'
    "<who>Basalt Example</who><town>Cobaltville</town></form></xfa:data></xfa:datasets>"
)


@pytest.mark.parametrize("whole", [True, False])
async def test_values_of_an_xfa_form_are_read_and_its_layout_is_reported(
    engines: Bench, whole: bool
) -> None:
    pdf = Pdf().page(line("Please wait...", (72, 600)))
    root = '<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/">'
    if whole:
        packets = f"{pdf.stream(f'{root}{DATA}</xdp:xdp>')} 0 R"
    else:
        parts = [root, DATA, "</xdp:xdp>"]
        numbers = [pdf.stream(part) for part in parts]
        names = ("preamble", "datasets", "postamble")
        packets = "[" + "".join(f"({a}){b} 0 R" for a, b in zip(names, numbers, strict=True)) + "]"
    pdf.catalog = f"/NeedsRendering true/AcroForm<</Fields[]/XFA {packets}>>"

    run = await engines.parse_bytes("xfa.pdf", pdf.bytes())

    assert "who: Basalt Example" in run.markdown
    assert "town: Cobaltville" in run.markdown
    assert run.result.inventory["xfa_values"] == 2
    assert [w.code for w in run.report.warnings] == [WarningCode.CONTENT_NOT_READ]


LETTERS = {code: 0x05D0 + number for number, code in enumerate(range(ord("a"), ord("z") + 1))}


@pytest.mark.parametrize(("gap", "codes"), [(3, []), (9, [WarningCode.ORDER_DOUBTFUL])])
async def test_hebrew_text_gives_a_warning_when_two_readers_disagree_on_its_order(
    engines: Bench, gap: int, codes: list[WarningCode]
) -> None:
    """Wide gaps between words lead LiteParse astray, and not pdfium."""
    pdf = Pdf()
    drawn = ""
    for row in range(3):
        x = 560.0
        for number in range(9):
            word = "abcdefghijklm"[number : number + 4]
            x -= 7.2 * len(word) + gap
            drawn += line(word[::-1], (x, 700 - 24 * row), font="F2")
    font = "/Type/Font/Subtype/Type1/BaseFont/Courier"
    meaning = pdf.stream(to_unicode(LETTERS))
    data = pdf.page(drawn, fonts={"F2": pdf.add(f"<<{font}/ToUnicode {meaning} 0 R>>")}).bytes()

    run = await engines.parse_bytes("hebrew.pdf", data)

    assert [w.code for w in run.report.warnings] == codes
