"""How bytes are decoded: byte order marks, structure, stated charsets, UTF-8 and detection."""

import pytest

from docmill.contracts.warnings import WarningCode
from docmill.engines.text.charsets import CharsetSource, codec_of, decode, looks_like_text

GERMAN = "Grüße aus Köln: der Schlüssel liegt unter dem blauen Faß, schöne Größe für Müller.\n"
JAPANESE = "鍵は青い樽の下にあります。金曜日までに返してください。\n"
CHINESE = "钥匙在蓝色的桶里。请在星期五之前归还。\n"
RUSSIAN = "Ключ лежит под синей бочкой. Верните его, пожалуйста, до пятницы.\n"  # noqa: RUF001
KOREAN = "열쇠는 파란 통 안에 있습니다. 금요일까지 돌려주세요.\n"
THAI = "กุญแจอยู่ใต้ถังสีน้ำเงิน กรุณาคืนก่อนวันศุกร์\n"
HINDI = "चाबी नीले बैरल के नीचे है। कृपया शुक्रवार तक लौटा दें।\n"
HEBREW = "המפתח נמצא מתחת לחבית הכחולה. נא להחזיר עד יום שישי.\n"
GREEK = "Το κλειδί είναι κάτω από το μπλε βαρέλι. Επιστρέψτε το.\n"  # noqa: RUF001


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text",
    [GERMAN, JAPANESE, CHINESE, RUSSIAN, KOREAN, THAI, HINDI, HEBREW, GREEK, "plain words\n"],
)
def test_wide_text_without_a_byte_order_mark_is_detected_by_structure(
    text: str, encoding: str
) -> None:
    data = text.encode(encoding)
    found = decode(data)

    assert looks_like_text(data)
    assert (found.text, found.source) == (text, CharsetSource.STRUCTURE)


def test_wide_text_is_detected_despite_a_broken_character() -> None:
    data = RUSSIAN.encode("utf-16-le") * 5 + b"\x00\xd8" + RUSSIAN.encode("utf-16-le") * 40 + b"x"
    found = decode(data)

    assert (found.charset, found.replaced) == ("utf-16-le", 2)
    assert found.text.count("Ключ") == 45


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 8,
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0>\0\x01\0\0\0" * 20,
        b"".join(n.to_bytes(2, "little") for n in range(0, 3000, 7)),
        b"".join(n.to_bytes(4, "little") for n in range(300)),
        b"".join((0x400 + n % 64).to_bytes(2, "little") for n in range(900)),
        b"\0\1\2\3" * 32,
        bytes(4000),
    ],
    ids=["all bytes", "program", "16 bits", "32 bits", "like letters", "pattern", "zeros"],
)
def test_binary_data_is_not_detected_as_text(data: bytes) -> None:
    assert not looks_like_text(data)


@pytest.mark.parametrize("separator", [b"\x01", b"\x1f"])
def test_rows_with_a_control_character_between_fields_are_text(separator: bytes) -> None:
    assert looks_like_text(
        separator.join([b"a", b"b"]) + b"\n" + separator.join([b"1", b"2"]) + b"\n3"
    )
    assert not looks_like_text(b"\x01\x02\x03 one line")


@pytest.mark.parametrize(
    ("data", "text", "replaced"),
    [
        (b"id,name\n1,Ann\n2,B\0ob\n3,Cleo\n", "id,name\n1,Ann\n2,B\ufffdob\n3,Cleo\n", 1),
        (b"Report\n" * 9 + bytes(900), "Report\n" * 9, 0),
        ("Grüße\0und\n".encode() + bytes(7), "Grüße\ufffdund\n", 1),
        (b"Ann\0\0\0Oslo\0\0\n" * 40, "Ann\ufffd\ufffd\ufffdOslo\ufffd\ufffd\n" * 40, 200),
    ],
    ids=["inside", "padding", "both", "fields of fixed length"],
)
def test_text_with_nuls_is_read(data: bytes, text: str, replaced: int) -> None:
    found = decode(data)

    assert looks_like_text(data)
    assert (found.text, found.replaced) == (text, replaced)


@pytest.mark.parametrize(
    "data",
    [
        GERMAN.encode() * 20 + b"\xff broken\n",
        b"id,name\n1,M\xc3\xbcller\n2,Jos\xe9\n",
        GERMAN.encode()[:-1] + b"\xe4\xb8",
        b"\x80" + CHINESE.encode() + b"\xc3(",
    ],
    ids=["late", "one against one", "cut", "two"],
)
def test_utf_8_stays_utf_8_with_broken_bytes(data: bytes) -> None:
    found = decode(data)

    assert found.text == data.decode(errors="replace")
    assert [one.code for one in found.warnings] == [WarningCode.BYTES_REPLACED]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("latin-1", GERMAN), ("cp932", JAPANESE), ("cp1251", RUSSIAN), ("gb18030", CHINESE)],
)
@pytest.mark.parametrize("size", [0, 300_000, 3_000_000])
def test_charset_is_detected_by_non_ascii_bytes_at_any_position(
    encoding: str, text: str, size: int
) -> None:
    line = "a line of ASCII, like all the others\n"
    whole = line * (size // len(line)) + text
    found = decode(whole.encode(encoding))

    assert found.text == whole
    assert [one.code for one in found.warnings] == [WarningCode.CHARSET_GUESSED]


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("iso-8859-1", "cp1252", "10 € für „Müller“"),
        ("x-euc-jp", "euc_jp", JAPANESE),
        ("x-sjis", "cp932", JAPANESE),
        ("windows-874", "cp874", THAI),
        ("tis-620", "cp874", THAI),
        ("x-mac-roman", "mac-roman", GERMAN),
        ("iso-8859-8-i", "iso8859-8", HEBREW),
        ("ks_c_5601-1987", "cp949", KOREAN),
        ("GB2312", "gb18030", CHINESE),
        ("iso-2022-jp", "iso2022_jp", JAPANESE),
        ("iso-2022-kr", "iso2022_kr", KOREAN),
        ("koi8-r", "koi8-r", RUSSIAN),
        ("cp437", "cp437", "naïve Größe"),
    ],
)
def test_stated_charset_is_used_under_any_alias(label: str, encoding: str, text: str) -> None:
    html = f"<html><head><!-- charset=x --><meta charset='{label}'></head><body>{text}</body>"
    http = f'<meta http-equiv="Content-Type" content="text/html; charset={label}">{text}'
    xml = f'<?xml version="1.0" encoding="{label}"?>\n<letter>{text}</letter>'

    assert decode(html.encode(encoding), markup=True).text == html
    assert decode(http.encode(encoding), markup=True).text == http
    assert decode(xml.encode(encoding)).text == xml


def test_utf_8_overrides_a_stated_western_charset() -> None:
    page = f'<meta charset="iso-8859-1">{GERMAN}'

    assert decode(page.encode(), markup=True).text == page


def test_stated_charset_is_ignored_when_the_bytes_contradict_it() -> None:
    page = f'<meta charset="shift_jis">{RUSSIAN}'

    assert decode(page.encode(), markup=True).text == page


def test_stated_wide_charset_in_ascii_bytes_is_utf_8() -> None:
    page = f'<?xml version="1.0" encoding="utf-16"?><a>{GERMAN}</a>'

    assert decode(page.encode()).text == page


@pytest.mark.parametrize("label", ["rot13", "hex", "punycode", "no-such-thing", "unicode_escape"])
def test_unknown_charset_label_is_ignored(label: str) -> None:
    assert codec_of(label) is None


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("iso2022_jp", JAPANESE), ("iso2022_kr", KOREAN), ("iso2022_jp_ext", "ｶﾅ\n"), ("hz", CHINESE)],
)
def test_escape_sequences_determine_the_charset_of_seven_bit_text(encoding: str, text: str) -> None:
    data = f"Subject\n{text}more words\n".encode(encoding)

    assert decode(data).text == f"Subject\n{text}more words\n"


def test_terminal_escapes_are_not_taken_for_a_charset() -> None:
    log = "\x1b[31mred\x1b[0m ~{set}~ \x1b(B\n"

    assert decode(log.encode()).text == log
