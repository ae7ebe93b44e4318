"""Bounded access to the parts of a ZIP package (Office Open XML, OpenDocument, EPUB).

Parts are untrusted. The size of each part and of all parts is limited. DTDs are rejected: XML bombs
need them, and office programs do not write them. Nothing outside the package is opened.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from docmill.engines.office.open_packaging import Relation, relations_in, relations_part

Element = ET.Element

MAX_PART = 64 * 1024 * 1024
"""Bytes of one part that the second reading accepts. xberg itself may read more."""
MAX_TOTAL = 256 * 1024 * 1024
"""Bytes of all parts of one document that the second reading accepts."""

_DTD = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.I)
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ENCODING = re.compile(r"""(<\?xml[^>]*?)\s+encoding\s*=\s*["'][^"']*["']""")


class UnreadablePartError(Exception):
    """A part is missing, damaged, too large, or has a DTD."""


class Package:
    """The parts of a ZIP archive by name. As in OPC, names are case-insensitive."""

    def __init__(self, data: bytes) -> None:
        """Open an archive.

        Raises:
            UnreadablePartError: the data is not a ZIP archive, or it is damaged.
        """
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise UnreadablePartError(str(error)) from None
        entries = self._archive.infolist()
        self._entries = {_key(entry.filename): entry for entry in entries}
        self._left = MAX_TOTAL

    @property
    def names(self) -> list[str]:
        """The names of all parts, in the order of the archive."""
        return [entry.filename.replace("\\", "/").lstrip("/") for entry in self._entries.values()]

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._entries

    def read(self, name: str, most: int = MAX_PART) -> bytes:
        """Return the bytes of a part.

        Args:
            name: name of the part.
            most: maximum size in bytes.

        Raises:
            UnreadablePartError: the part is missing, damaged, or too large.
        """
        entry = self._entries.get(_key(name))
        if entry is None:
            raise UnreadablePartError("it is not in the package")
        limit = min(most, self._left)
        try:
            with self._archive.open(entry) as file:
                data = file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as e:
            raise UnreadablePartError(str(e)) from None
        if len(data) > limit:
            raise UnreadablePartError("it is too large to be read a second time")
        self._left -= len(data)
        return data

    def xml(self, name: str) -> Element:
        """Parse a part.

        Raises:
            UnreadablePartError: as in `read`, or the part is not XML, or has a DTD.
        """
        return tree_of(self.read(name))

    def relations(self, name: str) -> list[Relation]:
        """Return the targets inside the package that the part ``name`` references."""
        place = relations_part(name)
        return relations_in(self.xml(place), name) if place in self else []

    def main(self) -> str:
        """Return the name of the main part of an Office Open XML package.

        Raises:
            UnreadablePartError: no relationship names it.
        """
        for relation in self.relations(""):
            if relation.kind == "officeDocument":
                return relation.target
        raise UnreadablePartError("no part of the package is its main one")


def tree_of(data: bytes) -> Element:
    """Parse XML.

    Raises:
        UnreadablePartError: it is not well-formed, or has a DTD.
    """
    if data.startswith(_WIDE_MARKS):
        data = _ENCODING.sub(r"\1", data.decode("utf-16", "replace"), count=1).encode()
    reject_dtd(data)
    try:
        return ET.fromstring(data)  # noqa: S314 - size is bounded, and DTDs are rejected
    except (ET.ParseError, ValueError, LookupError) as error:
        raise UnreadablePartError(str(error)) from None


def reject_dtd(data: bytes) -> None:
    """Reject XML with a document type declaration.

    Raises:
        UnreadablePartError: it has one.
    """
    if _DTD.search(data):
        raise UnreadablePartError("it has a DTD")


def local(tag: object) -> str:
    """Return the name of a tag or attribute without its namespace."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """Return an attribute by local name in any namespace; empty if there is none."""
    direct = element.get(name)
    if direct is not None:
        return direct
    return next((value for key, value in element.items() if local(key) == name), "")


def children(element: Element, name: str) -> Iterator[Element]:
    """Yield the direct children with a local name."""
    return (child for child in element if local(child.tag) == name)


def descendants(element: Element, name: str) -> Iterator[Element]:
    """Yield all descendants with a local name, in document order."""
    return (child for child in element.iter() if local(child.tag) == name)


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
