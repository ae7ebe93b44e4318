"""Documents of old Office programs: parts outside the body, and protection."""

import struct

import pytest

from docmill.contracts.warnings import WarningCode
from docmill.errors import FailureClass, ItemFailure
from tests.engines.old_office import Storage, compound, doc, message, ppt
from tests.fixtures.engines import Bench

RUNNING = ("", "Amber and Sons", "", "Registered in the book", "", "")


async def test_notes_running_lines_and_comments_of_old_word_are_kept(engines: Bench) -> None:
    data = doc(
        "The rent is due.",
        notes="\x02Except in leap years.\r",
        running=RUNNING,
        comments="\x05Delete this.\r",
    )

    text = (await engines.parse_bytes("a.doc", data)).markdown

    for line in ("The rent is due.", "Except in leap years.", "Delete this.", *RUNNING):
        assert line in text


async def test_text_is_not_restored_twice(engines: Bench) -> None:
    run = await engines.parse_bytes("a.doc", doc("The rent is due.\rSo is the deposit."))

    assert run.markdown.count("rent") == 1
    assert not run.report.warnings


async def test_presentation_with_a_password_is_encrypted(engines: Bench) -> None:
    with pytest.raises(ItemFailure) as failed:
        await engines.parse_bytes("a.ppt", ppt(0xF3D1C4DF))

    assert failed.value.failure_class is FailureClass.ENCRYPTED


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


END = record(0x0A, b"")
OLD_SHEETS = {
    2: record(0x09, struct.pack("<HH", 2, 0x10))
    + record(0x04, struct.pack("<HH", 0, 0) + b"\0\0\0\x05amber")
    + record(0x03, struct.pack("<HH3xd", 0, 1, 4711)),
    3: record(0x209, struct.pack("<HHH", 0, 0x10, 0))
    + record(0x204, struct.pack("<HHHH", 0, 0, 0, 5) + b"amber")
    + record(0x203, struct.pack("<HHHd", 0, 1, 0, 4711)),
    4: record(0x409, struct.pack("<HHH", 0, 0x10, 0))
    + record(0x204, struct.pack("<HHHH", 0, 0, 0, 5) + b"amber")
    + record(0x203, struct.pack("<HHHd", 0, 1, 0, 4711)),
}


@pytest.mark.parametrize("version", OLD_SHEETS)
async def test_sheet_older_than_compound_files_is_read(engines: Bench, version: int) -> None:
    run = await engines.parse_bytes("a.xls", OLD_SHEETS[version] + END)

    assert "| amber | 4711 |" in run.markdown


async def test_message_attached_to_an_outlook_message_is_read(engines: Bench) -> None:
    inner = message("Inner keys", "Meet at the copper bridge.")
    outer = message("Outer", "See below.", inner={"__substg1.0_3701000D": inner})

    run = await engines.parse_bytes("a.msg", compound(outer))

    assert "See below." in run.markdown
    assert "Inner keys" in run.markdown
    assert "Meet at the copper bridge." in run.markdown
    assert run.result.inventory == {"attached_messages": 1}
    assert not run.report.warnings


async def test_unreadable_attachment_of_an_outlook_message_is_reported(
    engines: Bench,
) -> None:
    drawing: Storage = {
        "__substg1.0_3707001F": "plan.dwg".encode("utf-16-le"),
        "__substg1.0_37010102": b"AC1032" + bytes(64),
    }

    run = await engines.parse_bytes("a.msg", compound(message("Outer", "See.", file=drawing)))

    lost = [w for w in run.report.warnings if w.code is WarningCode.CONTENT_NOT_READ]
    assert any("plan.dwg" in w.message for w in lost)


async def test_headers_and_footers_of_old_excel_are_kept(engines: Bench) -> None:
    def text(kind: int, words: str) -> bytes:
        return record(kind, struct.pack("<HB", len(words), 0) + words.encode())

    start = record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    cells = record(0x204, struct.pack("<HHHHB", 0, 0, 0, 5, 0) + b"amber")
    sheet = (
        start + text(0x14, "&LBasalt &&Co&R&D") + text(0x15, "&CPage &P of cobalt") + cells + END
    )
    place = len(start) + len(record(0x85, bytes(11))) + len(END)
    bound = record(0x85, struct.pack("<IBBBB", place, 0, 0, 3, 0) + b"One")
    data = compound({"Workbook": start + bound + END + sheet})

    run = await engines.parse_bytes("a.xls", data)

    assert run.markdown.startswith("Basalt &Co")
    assert run.markdown.rstrip().endswith("Page of cobalt")
