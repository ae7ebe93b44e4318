"""HTML, books and RTF: no text is left out at any depth of nesting."""

import pytest

from docmill.contracts.warnings import WarningCode
from docmill.engines.base import Limits
from docmill.errors import FailureClass, ItemFailure
from tests.engines import documents
from tests.fixtures.engines import Bench

LINES = range(300)
DEEP = {
    "unclosed fonts": "".join(f"<p>line {n} <font size=2>word{n}</p>" for n in LINES),
    "tables in tables": "".join(f"<table><tr><td>line {n} word{n}" for n in LINES),
    "lists in lists": "".join(f"<ul><li>line {n} word{n}" for n in LINES),
    "unclosed divs": "".join(f"<div>line {n} word{n}" for n in LINES),
    "quotes": "".join(f"<blockquote>line {n} word{n}" for n in LINES),
    "definitions": "".join(f"<dl><dt>line {n}<dd>word{n}" for n in LINES),
}


@pytest.mark.parametrize("shape", DEEP)
async def test_deeply_nested_html_is_kept_line_by_line(engines: Bench, shape: str) -> None:
    run = await engines.parse_bytes("a.html", f"<html><body>{DEEP[shape]}</body></html>")

    words = run.markdown.split()
    assert [word for word in words if word.startswith("word")] == [f"word{n}" for n in LINES]
    assert {w.code for w in run.report.warnings} <= {WarningCode.STRUCTURE_FLATTENED}


async def test_html_wrappers_are_flattened_before_structure(engines: Bench) -> None:
    page = "<center>" * 80 + "<h1>Title</h1><table><tr><td>a<td>b<tr><td>c<td>d</table>"

    run = await engines.parse_bytes("a.html", f"<html>{page}")

    assert "# Title" in run.markdown
    assert "| c | d |" in run.markdown
    assert not run.report.warnings


async def test_implicitly_closed_html_tags_do_not_nest(engines: Bench) -> None:
    page = "<table>" + "".join(f"<tr><td>r{n}<td>c{n}" for n in LINES) + "</table>"

    run = await engines.parse_bytes("a.html", f"<html>{page}")

    assert "| r299 | c299 |" in run.markdown
    assert not run.report.warnings


async def test_html_with_a_row_of_badges_is_parsed(engines: Bench) -> None:
    badge = '<a href="u{0}"><img src="i{0}" alt="badge {0}"/></a>'
    page = f"<h1>Title</h1>\n<p>{' '.join(badge.format(n) for n in range(3))}</p>\n<p>Text.</p>"

    run = await engines.parse_bytes("a.html", f"<html><body>{page}</body></html>")

    assert "# Title" in run.markdown
    assert "[![badge 2](i2)](u2)" in run.markdown
    assert not run.report.warnings


FORM = (
    "<html><head><title>T</title></head><body><form><nav>menu</nav><h1>Orders</h1><p>seven lamps"
    "</p><input name='who' value='Ann Amber'><input type='hidden' value='state'></form>"
    "<noscript>without script</noscript><p hidden>hidden line</p><footer>imprint</footer>"
    "<script>var no = 'script text'</script><style>p { }</style></body></html>"
)


async def test_all_visible_text_of_a_page_is_kept(engines: Bench) -> None:
    run = await engines.parse_bytes("a.html", FORM)

    for text in ("menu", "# Orders", "seven lamps", "without script", "hidden line", "imprint"):
        assert text in run.markdown
    assert "- who: Ann Amber" in run.markdown
    assert not any(text in run.markdown for text in ("state", "script text", "{ }"))
    assert run.result.inventory == {"form_values": 1, "undecoded": 0}


async def test_page_in_an_iframe_is_kept(engines: Bench) -> None:
    page = "<p>outer lamps</p><iframe srcdoc='&lt;p&gt;inner amber&lt;/p&gt;'></iframe>"

    run = await engines.parse_bytes("a.html", f"<html><body>{page}</body></html>")

    assert "inner amber" in run.markdown


async def test_navigation_is_removed_when_requested(engines: Bench) -> None:
    run = await engines.parse_bytes(
        "a.html", FORM, input_options={"html": {"remove_navigation_elements": True}}
    )

    assert "menu" not in run.markdown
    assert "seven lamps" in run.markdown


async def test_html_over_the_limit_is_not_corrupt(engines: Bench) -> None:
    with pytest.raises(ItemFailure, match="raise DOCMILL_MAX_HTML_MB") as failed:
        await engines.parse_bytes("a.html", FORM, limits=Limits(html_bytes=100))

    assert failed.value.failure_class is FailureClass.LIMIT_EXCEEDED


CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
)


def book(chapters: dict[str, str], encryption: str = "") -> bytes:
    items = "".join(f'<item id="{n}" href="{n}"/>' for n in chapters)
    order = "".join(f'<itemref idref="{n}"/>' for n in chapters)
    return documents.archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}'
            f"</manifest><spine>{order}</spine></package>",
            **{f"OPS/{name}": text for name, text in chapters.items()},
            **({"META-INF/encryption.xml": encryption} if encryption else {}),
        }
    )


def encrypted(place: str, algorithm: str) -> str:
    return (
        "<encryption xmlns:enc='http://www.w3.org/2001/04/xmlenc#'><enc:EncryptedData>"
        f"<enc:EncryptionMethod Algorithm='{algorithm}'/><enc:CipherData><enc:CipherReference "
        f"URI='{place}'/></enc:CipherData></enc:EncryptedData></encryption>"
    )


AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"


async def test_chapter_nested_deeply_or_in_a_form_is_kept(engines: Bench) -> None:
    deep = "<div>" * 90 + "deep amber" + "</div>" * 90
    chapters = {
        "a.xhtml": documents.xhtml("One", f"<form>form basalt</form><nav>menu</nav>{deep}"),
        "b.xhtml": documents.xhtml("Two", "the end"),
    }

    run = await engines.parse_bytes("a.epub", book(chapters))

    places = [run.markdown.find(t) for t in ("# One", "form basalt", "menu", "deep amber", "# Two")]
    assert places == sorted(places)
    assert places[0] >= 0
    assert not run.report.warnings


async def test_book_with_encrypted_chapters_is_encrypted(engines: Bench) -> None:
    data = book({"a b.xhtml": "?"}, encrypted("OPS/a%20b.xhtml", AES))

    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("a.epub", data)

    assert failed.value.failure_class is FailureClass.ENCRYPTED


@pytest.mark.parametrize(
    "encryption",
    [
        encrypted("OPS/font.otf", "http://www.idpf.org/2008/embedding"),
        encrypted("OPS/font.otf", "http://ns.adobe.com/pdf/enc#RC"),
        encrypted("OPS/cover.jpg", AES),
    ],
)
async def test_book_with_encrypted_fonts_or_images_is_read(engines: Bench, encryption: str) -> None:
    chapters = {"a.xhtml": documents.xhtml("One", "neap tide")}

    assert "neap tide" in (await engines.parse_bytes("a.epub", book(chapters, encryption))).markdown


async def test_comments_of_rich_text_are_kept(engines: Bench) -> None:
    text = (
        rb"{\rtf1\ansi\ansicpg1252 Body{\*\annotation{\*\atnref 1}\pard Remove \'fcber \{this\}"
        rb" \u8364?5.}\par}"
    )

    run = await engines.parse_bytes("a.rtf", text)

    assert "- Remove über {this} €5." in run.markdown
    assert run.result.inventory == {"comments": 1}
