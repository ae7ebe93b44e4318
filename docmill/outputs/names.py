"""Names of output files: ``a.pdf`` becomes ``a.pdf.json`` and ``a.pdf.md``.

Other files of its result, such as images, are in the folder ``a.pdf.files``.

Output folders mirror the source's folders. All paths are safe: relative, without ``..``, not too
long, and different for different source paths. A part that has to be changed gets a suffix with a
hash of the path up to it, and so does a part that already ends like such a suffix.
"""

import hashlib
import re
from dataclasses import dataclass

from docmill.objects.results import MARKDOWN_FILE

MANIFEST_LINES = "manifest.jsonl"
MANIFEST_TABLE = "manifest.parquet"
MANIFEST_HASHES = "manifest.sha256"
REPORT = "report.html"
RUNS = "manifests"
"""Folder of the manifests of all runs."""
VANISHED = f"{RUNS}/_vanished.jsonl"
"""A line for each file whose source is gone, of syncs."""
RUN_INDEX = f"{RUNS}/_index.jsonl"
"""A line for each run. Readers of data lakes ignore names with an underscore."""

_RESERVED = frozenset({MANIFEST_LINES, MANIFEST_TABLE, MANIFEST_HASHES, REPORT, RUNS})
_MAX_PART = 240
"""Maximum bytes of one part: file systems allow 255, including ``.json``."""
_MAX_PATH = 3000
"""Maximum bytes of the relative path: systems allow 4096, including the output folder."""
_LOOKS_HASHED = re.compile(r"~[0-9a-f]{16}\Z")
_MARK = 17
_LIKE_AN_OUTPUT = (".md", ".json", ".files")


@dataclass(frozen=True, slots=True)
class OutputNames:
    """Relative paths of the outputs of one file, with slashes.

    Attributes:
        folder: of the files that not every result has.
    """

    json: str
    markdown: str
    folder: str

    def of(self, name: str) -> str:
        """Return the output path of ``name``, a file of the result."""
        return self.markdown if name == MARKDOWN_FILE else f"{self.folder}/{name}"

    @classmethod
    def of_result(cls, json: str) -> "OutputNames":
        """Return the names for the path of an exported ``result.json``."""
        stem = json.removesuffix(".json")
        return cls(json, f"{stem}.md", f"{stem}.files")


def output_names(path: str) -> OutputNames:
    """Return the names of the outputs of the source ``path``.

    Args:
        path: the path in the listing; for an upload it may be any text.
    """
    *folders, name = path.split("/")
    parts: list[str] = []
    for depth, folder in enumerate(folders):
        # A folder with the name of an output would collide with the output of a sibling.
        taken = folder.lower().endswith(_LIKE_AN_OUTPUT) or (not depth and folder in _RESERVED)
        parts.append(_safe(folder, "/".join(folders[: depth + 1]), marked=taken))
    stem = "/".join([*parts, _safe(name, path)])
    if len(stem.encode()) > _MAX_PATH:
        stem = _safe(name, path, marked=True)
    return OutputNames.of_result(f"{stem}.json")


def _safe(part: str, path: str, *, marked: bool = False) -> str:
    """Return ``part`` as a valid file name; the hash of ``path`` makes it unique."""
    clean = "".join("_" if c in "\\\0" or not c.isprintable() else c for c in part)
    clean = clean.encode(errors="replace").decode()
    harmless = clean == part and not clean.startswith(".") and len(clean.encode()) <= _MAX_PART
    if part and harmless and not marked and not _LOOKS_HASHED.search(part):
        return part
    digest = hashlib.sha256(path.encode(errors="surrogatepass")).hexdigest()[: _MARK - 1]
    short = clean.lstrip(".").encode()[: _MAX_PART - _MARK].decode(errors="ignore")
    return f"{short}~{digest}"
