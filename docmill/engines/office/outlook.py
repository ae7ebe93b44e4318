"""Second reading of Outlook messages (MS-OXMSG): attached messages and files."""

import io
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from docmill.engines.office.comparison import contains
from docmill.engines.office.draft import Draft
from docmill.engines.office.markup import plain_markdown
from docmill.engines.office.passages import Part, Passage, escaped
from docmill.engines.text.charsets import decode

if TYPE_CHECKING:
    import olefile

    File = olefile.OleFileIO[Any]

_ATTACHMENT = "__attach_version1.0_"
_OBJECT = "__substg1.0_3701000D"
_DATA = "__substg1.0_37010102"
_PROPERTIES = "__properties_version1.0"
_SUBJECT, _BODY, _HTML, _CONTENT_ID = "0037", "1000", "1013", "3712"
_NAMES = ("3707", "3704", "3001")
"""Properties with the name of an attachment: long, short, and displayed."""
_DEEPEST = 8
_DAMAGE = (OSError, ValueError, IndexError, struct.error, AttributeError, TypeError, LookupError)


def read_outlook(data: bytes, draft: Draft, files: set[str]) -> None:
    """Add attached messages, and report attached files that xberg did not read.

    Args:
        data: the message.
        draft: xberg's result; its warnings about messages that are added here are dropped.
        files: names of the attached files that xberg read.
    """
    import olefile  # noqa: PLC0415 - loaded only for Outlook messages

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            _read_attachments(file, [], draft, files, 0)
    except _DAMAGE:
        return  # the result of xberg stands


def attached_files(data: bytes) -> dict[str, bytes]:
    """Return the bytes of attached files by each of their names."""
    import olefile  # noqa: PLC0415 - loaded only for Outlook messages

    found: dict[str, bytes] = {}
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as file:
            for name in _storages(file, []):
                if file.exists([name, _DATA]):
                    content = bytes(file.openstream([name, _DATA]).read())
                    found |= {_text(file, [name], tag): content for tag in _NAMES}
    except _DAMAGE:
        pass
    return found


def _read_attachments(
    file: "File", place: list[str], draft: Draft, files: set[str], depth: int
) -> None:
    reading = draft.reading
    for number, name in enumerate(_storages(file, place)):
        storage = [*place, name]
        inside = [*storage, _OBJECT]
        if file.exists([*inside, _PROPERTIES]):
            reading.inventory[Part.ATTACHED_MESSAGES] += 1
            text = _body(file, inside)
            if not contains(draft.text, text):
                label = _text(file, inside, _SUBJECT)
                reading.passages.append(Passage(Part.ATTACHED_MESSAGES, text, None, label))
            if not place:
                draft.filled.add(f"attachment_{number}")
            if depth < _DEEPEST:
                _read_attachments(file, inside, draft, files, depth + 1)
        elif file.exists([*storage, _DATA]) and not _text(file, storage, _CONTENT_ID):
            known = {name for n in _NAMES if (name := _text(file, storage, n))}
            if known & files:
                reading.inventory[Part.ATTACHMENTS] += 1
            else:
                reading.add_unread(Part.ATTACHMENTS, min(known, default="without a name"))


def _storages(file: "File", place: list[str]) -> list[str]:
    depth = len(place)
    found = {
        path[depth]
        for path in file.listdir(streams=False, storages=True)
        if path[:depth] == place and len(path) == depth + 1 and path[depth].startswith(_ATTACHMENT)
    }
    return sorted(found)


def _body(file: "File", place: list[str]) -> str:
    """Return a message's text as Markdown, from its HTML if it has no plain text."""
    if text := _text(file, place, _BODY):
        return "\n\n".join(escaped(line) for line in text.splitlines() if line.strip())
    if page := next(_values(file, place, _HTML), b""):
        return plain_markdown(decode(page, markup=True).text)
    return ""


def _text(file: "File", place: list[str], tag: str) -> str:
    stream = [*place, f"__substg1.0_{tag}001F"]
    if file.exists(stream):
        return str(file.openstream(stream).read().decode("utf-16-le", "replace")).rstrip("\0")
    stream[-1] = f"__substg1.0_{tag}001E"
    return decode(file.openstream(stream).read()).text.rstrip("\0") if file.exists(stream) else ""


def _values(file: "File", place: list[str], tag: str) -> Iterator[bytes]:
    for kind in ("0102", "001E"):
        stream = [*place, f"__substg1.0_{tag}{kind}"]
        if file.exists(stream):
            yield bytes(file.openstream(stream).read())
