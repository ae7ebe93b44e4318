"""Mail messages: conversion to a form that xberg reads, and a second reading."""

import codecs
import email.policy
import re
from email.generator import BytesGenerator
from email.message import Message
from email.parser import BytesParser
from io import BytesIO

from docmill.contracts.media_types import PLAIN, Media, expected_media
from docmill.contracts.warnings import WarningCode, warning
from docmill.engines.office.comparison import missing, words_of
from docmill.engines.office.markup import flattened, read_markup
from docmill.engines.office.passages import Part, Reading
from docmill.engines.text.charsets import CharsetSource, decode
from docmill.errors import FailureClass, ItemFailure

_MBOX = re.compile(rb"(?m)^(?=From \S[^\r\n]*\d{4}\r?$)")
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_ENVELOPED = frozenset({"", "enveloped-data", "authenveloped-data"})
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
"""The object identifier of signed data (RFC 5652, section 5.1)."""
_CMS_HEAD = 32
_TEXTS = PLAIN | {Media.HTML}
_READ_CORRECTLY = frozenset({"utf-8", "iso8859-1", "cp1252", "ascii"})
"""Charsets, by their Python names, that xberg decodes correctly."""
_NO_CHARSET = frozenset({"", "unknown-8bit", "x-unknown", "unknown", "8bit", "binary", "default"})
_ESCAPE = b"\x1b"
"""Introduces a change of character set in ISO 2022, whose bytes are ASCII otherwise."""
_MAX_MISSING_SHARE = 0.5
"""Share of the words of a plain text that its HTML version may lack: versions always differ."""


class Mail:
    """One message, or several of a mailbox (mbox), converted for xberg.

    Attributes:
        data: the messages with text of unknown charset in UTF-8, and with HTML of bounded depth.
    """

    def __init__(self, data: bytes) -> None:
        """Parse and convert the messages in ``data``."""
        self._reading = Reading()
        self._texts: list[str] = []
        self._pages: list[str] = []
        self._versions: list[tuple[str, str]] = []
        self._files: list[str] = []
        self._contents: dict[str, bytes] = {}
        messages = [part for part in _MBOX.split(data) if part]
        self.data = b"".join(self._readable(message) for message in messages)

    def file(self, name: str) -> bytes | None:
        """Return the bytes of the first attached file with this name."""
        return self._contents.get(name)

    def read(self, text: str, read_files: set[str]) -> Reading:
        """Return the content that xberg's text lacks.

        Args:
            text: xberg's text without Markdown syntax, including that of attached files.
            read_files: names of attached files that xberg read.
        """
        reading = self._reading
        for plain in self._texts:
            for line in missing(plain.splitlines(), text):
                reading.put_back(line)
        for page in self._pages:
            read_markup(page, text, reading)
        for plain, page in self._versions:
            lost = missing(plain.splitlines(), f"{text}\n{page}")
            count = sum(len(words_of(line)) for line in lost)
            if count > _MAX_MISSING_SHARE * len(words_of(plain)):
                reading.add(Part.ALTERNATIVES, lost)
        for name in self._files:
            if name in read_files:
                reading.inventory[Part.ATTACHMENTS] += 1
            else:
                reading.add_unread(Part.ATTACHMENTS, name or "without a name")
        return reading

    def _readable(self, data: bytes) -> bytes:
        message = BytesParser(policy=email.policy.compat32).parsebytes(data)
        if kind := _encryption(message):
            raise ItemFailure(FailureClass.ENCRYPTED, f"The mail is encrypted ({kind}).")
        changed = False
        for part in message.walk():
            changed = _make_headers_readable(part) or changed
            if self._report_unreadable(part) or _attached_message_parsed(part):
                changed = True
            counted = self._count(part)
            text = _is_text_file(part) if counted else part.get_content_maintype() == "text"
            if text:
                changed = self._make_readable(part) or changed
        self._exclude_alternatives(message)
        if not changed:
            return data
        out = BytesIO()
        generator = BytesGenerator(out, mangle_from_=False)
        generator.flatten(message, unixfrom=data.startswith(b"From "))
        return out.getvalue()

    def _report_unreadable(self, part: Message) -> bool:
        """Report an encrypted or signed message as unread, and remove its bytes."""
        signed = part.get_content_type() in _SMIME
        if not signed and not _encryption(part):
            return False
        what = "a message inside its signature" if signed else "an encrypted message"
        self._reading.add_unread(Part.ATTACHED_MESSAGES, what)
        part.set_type("text/plain")
        del part["Content-Transfer-Encoding"]
        del part["Content-Disposition"]
        part.set_payload("")
        return True

    def _count(self, part: Message) -> bool:
        """Count files and messages; return whether ``part`` is one or contains parts."""
        name = str(part.get_filename() or "")
        if part.get_content_type() in _TNEF or name.lower() == "winmail.dat":
            self._reading.add_unread(Part.ATTACHMENTS, f"{name or 'winmail.dat'}, Outlook's TNEF")
            return True
        if part.get_content_type() == "message/rfc822":
            self._reading.inventory[Part.ATTACHED_MESSAGES] += 1
            return True
        if _is_file(part):
            self._files.append(name)
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                self._contents.setdefault(name, content)
            return True
        return part.is_multipart()

    def _make_readable(self, part: Message) -> bool:
        """Rewrite a text part in UTF-8 and with bounded depth, if xberg needs it."""
        raw = part.get_payload(decode=True)
        if not isinstance(raw, bytes):
            return False
        markup = part.get_content_subtype() == "html"
        charset = _charset(part, raw)
        if charset is not None:
            text = raw.decode(charset, "replace")
        else:
            found = decode(raw, markup=markup)
            text = found.text
            replaced = (w for w in found.warnings if w.code == WarningCode.BYTES_REPLACED)
            self._reading.warnings += replaced
            if found.source is CharsetSource.GUESS:
                message = f"A text of the mail states no charset; it was read as {found.charset}."
                self._reading.warnings.append(warning(WarningCode.CHARSET_GUESSED, message))
        flat, cut = flattened(text) if markup else (text, False)
        if cut:
            message = "The mail's HTML nests deeper than the engine reads; it was flattened."
            self._reading.warnings.append(warning(WarningCode.STRUCTURE_FLATTENED, message))
        (self._pages if markup else self._texts).append(text)
        plain = raw.isascii() and text.isascii()
        if flat is text and (charset in _READ_CORRECTLY or plain):
            return False
        del part["Content-Transfer-Encoding"]
        part.set_payload(flat.encode("utf-8", "replace").decode("utf-8"), "utf-8")
        return True

    def _exclude_alternatives(self, message: Message) -> None:
        """Exclude plain text from the search for missing text when its HTML version is read."""
        for part in message.walk():
            if part.get_content_type() != "multipart/alternative":
                continue
            leaves = {p.get_content_subtype(): p for p in part.walk() if not p.is_multipart()}
            if "plain" in leaves and "html" in leaves:
                plain, page = (_text(leaves[kind]) for kind in ("plain", "html"))
                if plain in self._texts:
                    self._texts.remove(plain)
                    self._versions.append((plain, page))


def _is_file(part: Message) -> bool:
    """Return whether a part is an attached file, not a text or an inline image of the mail."""
    disposition = part.get_content_disposition()
    if part.is_multipart():
        return False
    if part.get_content_maintype() == "image" and (disposition != "attachment"):
        return False
    return (
        disposition == "attachment"
        or bool(part.get_filename())
        or (part.get_content_maintype() not in {"text", "message", "multipart"})
    )


def _attached_message_parsed(part: Message) -> bool:
    """Convert a file with the extension of a message to one; return whether it was such a file."""
    named = expected_media(str(part.get_filename() or "")) is Media.EML and _is_file(part)
    raw = part.get_payload(decode=True) if named else None
    if not isinstance(raw, bytes):
        return False
    inner = BytesParser(policy=email.policy.compat32).parsebytes(raw)
    if not inner.keys():
        return False
    del part["Content-Transfer-Encoding"]
    part.set_type("message/rfc822")
    part.set_payload([inner])
    return True


def _is_text_file(part: Message) -> bool:
    """Return whether an attached file is text by its type or extension. Few state a charset."""
    if not _is_file(part):
        return False
    if part.get_content_maintype() == "text":
        return True
    return expected_media(str(part.get_filename() or "")) in _TEXTS


def _encryption(part: Message) -> str | None:
    """Return the method by which a part is encrypted; None if it is not."""
    kind = part.get_content_type()
    if kind == "multipart/encrypted":
        return "OpenPGP"
    if kind in _SMIME and str(part.get_param("smime-type", "")).lower() in _ENVELOPED:
        raw = part.get_payload(decode=True)
        if isinstance(raw, bytes) and _SIGNED_DATA not in raw[:_CMS_HEAD]:
            return "S/MIME"
    return None


def _charset(part: Message, raw: bytes) -> str | None:
    """Return the stated charset by its Python name; None if it is missing, unknown or wrong."""
    stated = str(part.get_content_charset() or "")
    if stated in _NO_CHARSET:
        return None
    try:
        name = codecs.lookup(stated).name
        raw.decode(name)
    except (LookupError, ValueError):
        return None
    return None if name == "ascii" and _ESCAPE in raw else name


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    charset = _charset(part, raw)
    return raw.decode(charset, "replace") if charset else decode(raw).text


def _make_headers_readable(part: Message) -> bool:
    """Rewrite raw header fields in UTF-8, the only encoding that a standard (RFC 6532) allows."""
    changed = False
    for name, value in list(part.raw_items()):
        raw = str(value).encode("ascii", "surrogateescape")
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            text = decode(raw).text.encode("utf-8").decode("ascii", "surrogateescape")
            part.replace_header(name, text)
            changed = True
    return changed
