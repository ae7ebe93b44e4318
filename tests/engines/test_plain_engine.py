"""The plain engine: text, Markdown and CSV."""

from typing import ClassVar

import pytest

from docmill.engines.text.engine import PlainTextEngine
from docmill.testing.engine_contract import EngineContract
from tests.fixtures.engines import Bench, messages


@pytest.mark.integration
class TestContract(EngineContract):
    engine = PlainTextEngine
    samples: ClassVar = {
        "a.txt": ("High water at noon.\r\nLow water at six.", "Low water at six."),
        "a.md": ("# Tides\n\n**High** water at [noon](x).", "High water at noon."),
        "a.csv": ("place,height\nPort Ansel,4.2\n", "Port Ansel"),
        "no-extension": ("Just words", "Just words"),
        "a.json": ('{"tide": "high"}', '{"tide": "high"}'),
    }


async def test_csv_becomes_a_table(engines: Bench) -> None:
    run = await engines.parse_bytes("a.csv", 'place;note\nAnsel;"a|b"\nOdd;1;2\n')

    assert run.markdown.splitlines() == [
        "| place | note |  |",
        "| --- | --- | --- |",
        "| Ansel | a\\|b |  |",
        "| Odd | 1 | 2 |",
    ]
    assert run.result.pages[0].text.splitlines()[1] == "Ansel\ta|b"


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "naïve § 10 €"),
        ("utf-8-sig", "naïve § 10 €"),
        ("utf-16", "naïve § 10 €"),
        ("utf-16-le", "plain words without a mark"),
        ("cp1252", "Sehr geehrte Damen und Herren, für die Überweisung der Gebühren danken wir."),
        ("cp932", "これは日本語のテキストです。潮位計の説明書を読んでください。"),
        ("cp1251", "Привет, как дела? Это простой текст на русском языке."),
    ],
)
async def test_old_charsets_are_decoded(engines: Bench, charset: str, text: str) -> None:
    run = await engines.parse_bytes("a.txt", text.encode(charset))

    assert run.markdown == text


async def test_text_of_whitespace_only_is_reported_as_empty(engines: Bench) -> None:
    run = await engines.parse_bytes("a.txt", " \n\n ")

    assert messages(run.report.warnings) == ["The file has no text."]


@pytest.mark.parametrize("ending", ["\r", "\r\n", "\r\r\n"])
async def test_line_endings_of_other_systems_are_recognised(engines: Bench, ending: str) -> None:
    table = await engines.parse_bytes("a.csv", ending.join(["place;height", "Ansel;4,2", ""]))
    words = await engines.parse_bytes("a.txt", f"one{ending}two")

    assert table.markdown.splitlines()[2] == "| Ansel | 4,2 |"
    assert words.markdown == "one\ntwo"


async def test_result_states_how_bytes_were_decoded(engines: Bench) -> None:
    run = await engines.parse_bytes("a.txt", "Grüße aus Köln\n".encode() * 9 + b"\xff\n")

    assert run.result.metadata == {"charset": "utf-8", "charset_source": "utf-8"}
    assert run.result.inventory == {"undecoded": 1}
    assert [one.code for one in run.report.warnings] == ["bytes_replaced"]
