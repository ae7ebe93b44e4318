"""Mail: text of unknown charset, attached files and messages, and unreadable parts."""

import base64
import quopri

import pytest

from docmill.contracts.warnings import WarningCode
from docmill.errors import FailureClass, ItemFailure
from tests.engines.office_documents import cell, docx, paragraph, rows, word_part, xlsx
from tests.fixtures.engines import Bench

GREETING = "Der Schlüssel liegt unter dem blauen Faß, 5 € Pfand. Viele Grüße aus Köln."


def mail(content_type: str, body: bytes, *further: str) -> bytes:
    fields = ["From: ann@example.org", "Subject: Keys", "MIME-Version: 1.0"]
    if content_type:
        fields.append(f"Content-Type: {content_type}")
    return "\n".join([*fields, *further, "", ""]).encode() + body


def parts(kind: str, *bodies: bytes) -> bytes:
    inner = b"".join(b"--B\n" + body + b"\n" for body in bodies)
    return mail(f'multipart/{kind}; boundary="B"', inner + b"--B--\n")


def attached(name: str, content_type: str, data: bytes) -> bytes:
    head = (
        f"Content-Type: {content_type}\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="{name}"\n\n'
    )
    return head.encode() + base64.encodebytes(data)


RAW = GREETING.encode("cp1252")
NO_CHARSET = {
    "no content type": mail("", RAW),
    "no charset": mail("text/plain", RAW),
    "unknown charset": mail("text/plain; charset=unknown-8bit", RAW),
    "untrue charset": mail("text/plain; charset=us-ascii", RAW),
    "quoted-printable": mail(
        "text/plain", quopri.encodestring(RAW), "Content-Transfer-Encoding: quoted-printable"
    ),
    "base64": mail("text/plain", base64.encodebytes(RAW), "Content-Transfer-Encoding: base64"),
    "html": mail("text/html", b"<html><body><p>" + RAW + b"</p></body></html>"),
    "part": parts("mixed", b"Content-Type: text/plain\n\n" + RAW),
    "attached message": parts("mixed", b"Content-Type: message/rfc822\n\n" + mail("", RAW)),
}


@pytest.mark.parametrize("shape", NO_CHARSET)
async def test_text_without_a_charset_is_decoded_correctly(engines: Bench, shape: str) -> None:
    run = await engines.parse_bytes("a.eml", NO_CHARSET[shape])

    assert GREETING in run.markdown.replace("\\", "")


@pytest.mark.parametrize("content_type", ["", "text/plain", "text/plain; charset=us-ascii"])
async def test_iso_2022_jp_is_not_taken_for_ascii(engines: Bench, content_type: str) -> None:
    text = "鍵は青い樽の下にあります。"

    run = await engines.parse_bytes("a.eml", mail(content_type, text.encode("iso2022_jp")))

    assert text in run.markdown


async def test_raw_header_fields_are_decoded_correctly(engines: Bench) -> None:
    data = mail("text/plain", b"Body").replace(b"Keys", "Grüße aus Köln".encode("cp1252"))

    assert "Grüße aus Köln" in (await engines.parse_bytes("a.eml", data)).markdown


async def test_stated_charsets_are_not_guessed(engines: Bench) -> None:
    text = "Привет, ключ лежит под бочкой."
    run = await engines.parse_bytes(
        "a.eml", mail("text/plain; charset=koi8-r", text.encode("koi8-r"))
    )

    assert text in run.markdown
    assert not run.report.warnings


async def test_attached_messages_are_read_with_their_attachments(engines: Bench) -> None:
    inner = parts(
        "mixed",
        b"Content-Type: text/plain\n\nMeet at the bridge.",
        attached("inner.txt", "text/plain", b"seventeen lanterns"),
    )
    outer = parts(
        "mixed",
        b"Content-Type: text/plain\n\nOuter letter.",
        b"Content-Type: message/rfc822\n\n" + inner,
    )

    run = await engines.parse_bytes("a.eml", outer)

    for text in ("Outer letter.", "Meet at the bridge.", "seventeen lanterns"):
        assert text in run.markdown
    assert run.result.inventory == {"attached_messages": 1, "attachments": 1}


async def test_messages_of_a_digest_are_read(engines: Bench) -> None:
    run = await engines.parse_bytes(
        "a.eml", parts("digest", *(b"\nSubject: n\n\nBasalt number %d." % n for n in range(3)))
    )

    assert all(f"Basalt number {n}." in run.markdown for n in range(3))


async def test_attached_workbook_keeps_its_table(engines: Bench) -> None:
    book = xlsx({"One": rows(cell("A1", "lamp") + cell("B1", "7"), cell("A2", "oil"))})
    data = parts(
        "mixed",
        b"Content-Type: text/plain\n\nSee below.",
        attached("a.xlsx", "application/octet-stream", book),
    )

    run = await engines.parse_bytes("a.eml", data)

    assert "| lamp | 7 |" in run.markdown
    assert run.markdown.count("lamp") == 1


async def test_unreadable_attachment_is_named_in_a_warning(engines: Bench) -> None:
    data = parts(
        "mixed",
        b"Content-Type: text/plain\n\nSee below.",
        attached("winmail.dat", "application/ms-tnef", b"\x78\x9f\x3e\x22\0"),
        attached("plan.dwg", "application/octet-stream", b"AC1032" + bytes(200)),
    )

    run = await engines.parse_bytes("a.eml", data)

    lost = [w.message for w in run.report.warnings if w.code is WarningCode.CONTENT_NOT_READ]
    assert [name in " ".join(lost) for name in ("winmail.dat", "TNEF", "plan.dwg")] == [True] * 3
    assert run.result.inventory == {"attachments": 2}


async def test_html_of_a_mail_is_complete(engines: Bench) -> None:
    deep = "".join(f"<table><tr><td>word{n} " for n in range(100))
    page = f"<html><body><form>inside a form</form>{deep}</body></html>"

    run = await engines.parse_bytes("a.eml", mail("text/html; charset=utf-8", page.encode()))

    assert "inside a form" in run.markdown
    assert all(f"word{n}" in run.markdown for n in range(100))


async def test_mail_keeps_a_plain_part_that_differs_from_its_html(engines: Bench) -> None:
    page = b"Content-Type: text/html; charset=utf-8\n\n<p>Pictures only.</p>"
    other = b"Content-Type: text/plain\n\nThe invoice number is 4711 and it is due in June."
    same = b"Content-Type: text/plain\n\nPictures only."

    different = await engines.parse_bytes("a.eml", parts("alternative", other, page))
    equal = await engines.parse_bytes("b.eml", parts("alternative", same, page))

    assert "4711" in different.markdown
    assert equal.markdown.count("Pictures only.") == 1


async def test_mailbox_keeps_its_messages(engines: Bench) -> None:
    separator = b"From ann@example.org Mon Jun  3 10:00:00 2024\n"
    box = separator + mail("text/plain", RAW) + b"\n\n" + separator + mail("", b"Second one.")

    run = await engines.parse_bytes("a.eml", box)

    assert "Schlüssel" in run.markdown
    assert "Second one." in run.markdown


async def test_attached_text_is_decoded_correctly(engines: Bench) -> None:
    texts = {
        "a.txt": attached("a.txt", "text/plain", RAW),
        "b.log.txt": attached("b.log.txt", "application/octet-stream", RAW),
    }

    run = await engines.parse_bytes("m.eml", parts("mixed", *texts.values()))

    assert run.markdown.count(GREETING.strip()) == len(texts)
    assert {w.code for w in run.report.warnings} == {WarningCode.CHARSET_GUESSED}


async def test_mail_attached_as_a_file_is_read_as_mail(engines: Bench) -> None:
    inner = mail(
        "text/plain", base64.encodebytes(b"amber harbour"), "Content-Transfer-Encoding: base64"
    )
    files = (attached("old.eml", "application/octet-stream", inner),)

    run = await engines.parse_bytes("m.eml", parts("mixed", *files))

    assert "amber harbour" in run.markdown
    assert "Content-Transfer-Encoding" not in run.markdown


async def test_attached_document_keeps_its_headers_and_notes(engines: Bench) -> None:
    header = word_part("header", "hdr", paragraph("Basalt Registry"))
    section = '<w:sectPr><w:headerReference w:type="default" r:id="r0"/></w:sectPr>'
    document = docx(paragraph("seven lanterns") + section, [header])

    run = await engines.parse_bytes(
        "m.eml", parts("mixed", attached("a.docx", "application/octet-stream", document))
    )

    assert "#### a.docx\n\nBasalt Registry\n\nseven lanterns" in run.markdown


async def test_undecodable_bytes_give_a_warning(engines: Bench) -> None:
    body = "Grüße aus Köln für Müller\n".encode() + b"\xe9 end"

    run = await engines.parse_bytes("m.eml", mail("text/plain; charset=utf-8", body))

    assert "Köln" in run.markdown
    assert [w.code for w in run.report.warnings] == [WarningCode.BYTES_REPLACED]


BASE64 = "Content-Transfer-Encoding: base64"
ENVELOPED = base64.encodebytes(bytes.fromhex("308006092a864886f70d010703a080") + bytes(64))
SIGNED = base64.encodebytes(bytes.fromhex("308006092a864886f70d010702a080") + bytes(64))


@pytest.mark.parametrize(
    "data",
    [
        mail("application/pkcs7-mime; smime-type=enveloped-data", ENVELOPED, BASE64),
        mail("application/x-pkcs7-mime; name=smime.p7m", ENVELOPED, BASE64),
        mail('multipart/encrypted; boundary="B"', b"--B\n\nVersion: 1\n--B--\n"),
    ],
    ids=["S/MIME", "old S/MIME", "OpenPGP"],
)
async def test_encrypted_mail_is_reported_as_encrypted(engines: Bench, data: bytes) -> None:
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("m.eml", data)

    assert failed.value.failure_class is FailureClass.ENCRYPTED


async def test_message_inside_its_signature_is_reported(engines: Bench) -> None:
    signed = mail("application/pkcs7-mime; smime-type=signed-data", SIGNED, BASE64)
    forwarded = parts(
        "mixed",
        b"Content-Type: text/plain\n\nsee below",
        b"Content-Type: message/rfc822\n\n" + signed,
    )

    for data in (signed, forwarded):
        run = await engines.parse_bytes("m.eml", data)
        named = [w.message for w in run.report.warnings if w.code == WarningCode.CONTENT_NOT_READ]
        assert named == ["Not read: attached messages (a message inside its signature)."]
