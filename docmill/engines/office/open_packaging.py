"""Open Packaging Conventions (ECMA-376 part 2): main part, relationships, part names.

Relationships name the main part, and content types state its type. Writers choose the names of
parts, but some engines require the usual ones: `with_usual_names` renames parts for them.
"""

import io
import posixpath
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import dataclass
from urllib.parse import unquote

from docmill.contracts.media_types import Media

CONTENT_TYPES = "[Content_Types].xml"
ROOT_RELATIONS = "_rels/.rels"
_LONGEST_PART = 4 * 1024 * 1024
"""Bytes that are read of a part that references others."""
_MAIN_RELATIONS = ("/officeDocument", "/fixedrepresentation", "/visio/2010/relationships/document")
_USUAL_MAIN = {
    Media.DOCX: "word/document.xml",
    Media.XLSX: "xl/workbook.xml",
    Media.XLSB: "xl/workbook.bin",
    Media.PPTX: "ppt/presentation.xml",
}
"""Names that engines require for the main part, whatever the relationships say."""
_USUAL_NEIGHBOURS = frozenset(
    ["styles", "numbering", "settings", "footnotes", "endnotes", "comments", "sharedStrings"]
)
"""Relationships of the main part whose targets engines find only under the usual name."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One relationship of a part: its id, type, and target as an absolute part name."""

    id: str
    type: str
    target: str

    @property
    def kind(self) -> str:
        """The last segment of its type, such as ``comments``, ``header`` or ``chart``."""
        return self.type.rstrip("/").rpartition("/")[2]


class Package:
    """A ZIP archive with OPC relationships."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        """Wrap an open archive; nothing is read yet."""
        self._archive = archive
        self._entries = {
            entry.filename.replace("\\", "/").lstrip("/").lower(): entry
            for entry in archive.infolist()
        }
        self._main: Relation | None = None

    @classmethod
    def of(cls, archive: zipfile.ZipFile) -> "Package | None":
        """Return the package in ``archive``, or None if no relationship names a main part."""
        package = cls(archive)
        found = package.relations("")
        for ending in _MAIN_RELATIONS:
            package._main = package._main or next(
                (one for one in found if one.type.endswith(ending)), None
            )
        return package if package._main else None

    @property
    def main(self) -> str:
        """Name of the main part; empty when there is none."""
        return self._main.target if self._main else ""

    @property
    def main_relation(self) -> str:
        """Type of the relationship that names the main part; empty when there is none."""
        return self._main.type if self._main else ""

    @property
    def main_type(self) -> str:
        """Content type of the main part; empty when it is not stated."""
        root = self._xml(CONTENT_TYPES)
        if root is None or not self.main:
            return ""
        ending = self.main.rpartition(".")[2].lower()
        by_ending = ""
        for entry in root:
            stated = entry.get("ContentType", "")
            if unquote(entry.get("PartName", "")).lstrip("/").lower() == self.main.lower():
                return stated
            if entry.get("Extension", "").lower() == ending:
                by_ending = stated
        return by_ending

    @property
    def main_entry(self) -> zipfile.ZipInfo | None:
        """The archive's entry of the main part; None when it is missing."""
        return self._entries.get(self.main.lower())

    def relations(self, part: str) -> list[Relation]:
        """Return the relationships of ``part``, or of the package for an empty name."""
        root = self._xml(relations_part(part))
        return relations_in(root, part) if root is not None else []

    def usual_names(self, media: Media) -> dict[str, str]:
        """Return new names, by present name, of the entries that an engine requires elsewhere."""
        usual = _USUAL_MAIN.get(media)
        if usual is None or not self.main_entry:
            return {}
        folder, wanted = posixpath.dirname(self.main), posixpath.dirname(usual)
        names = {name: self._moved(name, folder, wanted) for name in self._entries}
        for old, new in self._usual_targets(usual).items():
            for present, name in ((old, new), (relations_part(old), relations_part(new))):
                if present.lower() in names:
                    names[present.lower()] = name
        entries = self._entries
        return {
            entries[old].filename: new for old, new in names.items() if entries[old].filename != new
        }

    def _moved(self, name: str, folder: str, wanted: str) -> str:
        """Return the name of a part after the main part's folder moves to the usual folder."""
        plain = self._entries[name].filename.replace("\\", "/").lstrip("/")
        if folder.lower() == wanted or name == CONTENT_TYPES.lower() or name.startswith("_rels/."):
            return plain
        if not folder:
            return f"{wanted}/{plain}"
        inside = name.startswith(f"{folder.lower()}/")
        return f"{wanted}{plain[len(folder) :]}" if inside else plain

    def _usual_targets(self, usual: str) -> dict[str, str]:
        """Return new names of the main part and of the parts that engines know by name."""
        found = {self.main: usual}
        for one in self.relations(self.main):
            if one.kind in _USUAL_NEIGHBOURS and one.target.lower() in self._entries:
                extension = posixpath.splitext(one.target)[1]
                found[one.target] = f"{posixpath.dirname(usual)}/{one.kind}{extension}"
        return found

    def _xml(self, part: str) -> ET.Element | None:
        entry = self._entries.get(part.lower())
        if entry is None:
            return None
        with self._archive.open(entry) as file:
            content = file.read(_LONGEST_PART)
        try:
            return ET.fromstring(content)  # noqa: S314 - expat bounds entities
        except (ET.ParseError, ValueError, LookupError):
            return None


def relations_in(root: ET.Element, part: str) -> list[Relation]:
    """Return the relationships of ``part`` whose targets are in the same package.

    Args:
        root: root of the part that `relations_part` names.
        part: source of the relationships; empty for the package.
    """
    return [
        Relation(one.get("Id", ""), one.get("Type", ""), _absolute(one.get("Target", ""), part))
        for one in root
        if one.get("TargetMode", "").lower() != "external"
    ]


def relations_part(part: str) -> str:
    """Return the name of the part with the relationships of ``part``."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def with_usual_names(data: bytes, media: Media) -> bytes:
    """Return an Office package whose parts have the names that engines require.

    Args:
        data: the package.
        media: type of its main part.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        package = Package.of(archive)
        renamed = package.usual_names(media) if package else {}
        if not renamed:
            return data
        return _renamed(archive, renamed)


def _renamed(archive: zipfile.ZipFile, renamed: dict[str, str]) -> bytes:
    out = io.BytesIO()
    taken = set(renamed.values())
    moved = {old.replace("\\", "/").lstrip("/").lower(): new for old, new in renamed.items()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as copy:
        for entry in archive.infolist():
            name = renamed.get(entry.filename, entry.filename)
            if entry.filename not in renamed and name in taken:
                continue  # an unused part under the name that the real part takes
            content = archive.read(entry)
            plain = entry.filename.replace("\\", "/").lstrip("/")
            if plain.endswith(".rels"):
                content = _relations_moved(content, plain, moved)
            elif plain == CONTENT_TYPES:
                content = _types_moved(content, moved)
            copy.writestr(name, content)
    return out.getvalue()


def _relations_moved(xml: bytes, part: str, moved: dict[str, str]) -> bytes:
    """Return relationships with the new names of their targets, relative to the new part."""
    folder, name = posixpath.split(part)
    source = posixpath.join(posixpath.dirname(folder), name.removesuffix(".rels"))
    try:
        root = ET.fromstring(xml)  # noqa: S314 - expat bounds entities
    except ET.ParseError:
        return xml
    new_source = moved.get(source.lower(), source)
    for one in root:
        if one.get("TargetMode", "").lower() == "external":
            continue
        target = _absolute(one.get("Target", ""), source)
        new = moved.get(target.lower(), target)
        one.set("Target", posixpath.relpath(new, posixpath.dirname(new_source) or "."))
    return _written(root)


def _types_moved(xml: bytes, moved: dict[str, str]) -> bytes:
    try:
        root = ET.fromstring(xml)  # noqa: S314 - expat bounds entities
    except ET.ParseError:
        return xml
    for one in root:
        name = unquote(one.get("PartName", "")).lstrip("/")
        if name.lower() in moved:
            one.set("PartName", "/" + moved[name.lower()])
    return _written(root)


def _written(root: ET.Element) -> bytes:
    """Serialize a part with its own namespace as the default, as all writers do."""
    namespace = root.tag[1:].partition("}")[0]
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    root.set("xmlns", namespace)
    written: bytes = ET.tostring(root, "UTF-8", xml_declaration=True)
    return written


def _absolute(target: str, source: str) -> str:
    """Return the absolute part name of a target of ``source``."""
    plain = unquote(target.partition("#")[0]).replace("\\", "/")
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(source), plain)).lstrip("/")
