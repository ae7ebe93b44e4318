"""What the outputs of a file are called: ``a.pdf`` gives ``a.pdf.json`` and ``a.pdf.md``.

Whatever else its result has, such as images, is in the folder ``a.pdf.files``.

Names mirror the source's folders. Every name is safe: relative, never upwards, never too long,
and two different source paths never share one. A part that cannot stay as it is gets a hash of
the path up to it, and a part that only looks as if it had one gets one too.
"""

import hashlib
import re
from dataclasses import dataclass

from docmill.objects.results import MARKDOWN_FILE

MANIFEST_LINES = "manifest.jsonl"
MANIFEST_TABLE = "manifest.parquet"
MANIFEST_HASHES = "manifest.sha256"
REPORT = "report.html"

_RESERVED = frozenset({MANIFEST_LINES, MANIFEST_TABLE, MANIFEST_HASHES, REPORT})
_MAX_PART = 240
"""Bytes of one part: file systems take 255, and ``.json`` comes on top."""
_MAX_PATH = 3000
"""Bytes of the whole relative path: systems take 4096 together with the output folder."""
_LOOKS_HASHED = re.compile(r"~[0-9a-f]{16}\Z")
_MARK = 17
_LIKE_AN_OUTPUT = (".md", ".json", ".files")


@dataclass(frozen=True, slots=True)
class OutputNames:
    """Relative paths of the outputs of one file, with slashes.

    Attributes:
        folder: of files that not every result has.
    """

    json: str
    markdown: str
    folder: str

    def of(self, name: str) -> str:
        """Return where the file ``name``, which lies beside a ``result.json``, belongs."""
        return self.markdown if name == MARKDOWN_FILE else f"{self.folder}/{name}"

    @classmethod
    def of_result(cls, json: str) -> "OutputNames":
        """Return the names that go with the path of an exported ``result.json``."""
        stem = json.removesuffix(".json")
        return cls(json, f"{stem}.md", f"{stem}.files")


def output_names(path: str) -> OutputNames:
    """Return where the outputs of the source ``path`` belong.

    Args:
        path: the path in the listing; from an upload it may be any text.
    """
    *folders, name = path.split("/")
    parts: list[str] = []
    for depth, folder in enumerate(folders):
        # A folder called like an output would stand where the output of a sibling belongs.
        taken = folder.lower().endswith(_LIKE_AN_OUTPUT) or (not depth and folder in _RESERVED)
        parts.append(_safe(folder, "/".join(folders[: depth + 1]), marked=taken))
    stem = "/".join([*parts, _safe(name, path)])
    if len(stem.encode()) > _MAX_PATH:
        stem = _safe(name, path, marked=True)
    return OutputNames.of_result(f"{stem}.json")


def _safe(part: str, path: str, *, marked: bool = False) -> str:
    """Return ``part`` as one name of a file system; ``path`` is what makes it unlike others."""
    clean = "".join("_" if c in "\\\0" or not c.isprintable() else c for c in part)
    clean = clean.encode(errors="replace").decode()
    harmless = clean == part and not clean.startswith(".") and len(clean.encode()) <= _MAX_PART
    if part and harmless and not marked and not _LOOKS_HASHED.search(part):
        return part
    digest = hashlib.sha256(path.encode(errors="surrogatepass")).hexdigest()[: _MARK - 1]
    short = clean.lstrip(".").encode()[: _MAX_PART - _MARK].decode(errors="ignore")
    return f"{short}~{digest}"
