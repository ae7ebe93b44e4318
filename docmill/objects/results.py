"""Where the files of a result lie in the store, and how they are removed.

All files of a result share a prefix, which the attempt that writes them derives from its place in
the ledger. So nothing is ever listed: what an attempt may have left can be derived as well.
"""

import asyncio
import re

from pydantic import BaseModel

from docmill.errors import NotFoundError
from docmill.objects.base import ObjectStore

RESULT_FILE = "result.json"
"""The whole result; it names the hashes of the files that belong to it."""
MARKDOWN_FILE = "document.md"
"""The file that nearly every result has besides."""

_FOLDER_BITS = 16
"""65,536 items share a folder: file systems and people cope with that many names."""
_PLAIN = re.compile(r"\w[\w.-]{0,199}", re.ASCII)
"""Names of files of a result: they become keys and paths, so nothing else is believed."""


class _Named(BaseModel):
    """The one part of a `RESULT_FILE` that matters here; the rest is passed over."""

    files: dict[str, str] = {}


def result_prefix(project_id: str, batch_id: str, position: int, epoch: int, attempt: int) -> str:
    """Return what the keys of all files begin with that one attempt at an item writes.

    No other attempt writes there, so that a late one overwrites nothing.
    """
    folder = f"results/{project_id}/{batch_id}/{position >> _FOLDER_BITS}"
    return f"{folder}/{position}-{epoch}-{attempt}."


def slices_prefix(project_id: str, batch_id: str, position: int, epoch: int, digest: str) -> str:
    """Return what the keys begin with of what was read of a large document's slices.

    All attempts of a run share them: what one has read, the next one does not read again.

    Args:
        project_id: of the item.
        batch_id: likewise.
        position: likewise.
        epoch: of the run.
        digest: of what the slices depend on.
    """
    return f"{result_prefix(project_id, batch_id, position, epoch, 0)}slices-{digest}-"


def result_key(prefix: str, name: str) -> str:
    """Return the key of one file of a result.

    Args:
        prefix: as `result_prefix` gave it, or a folder without its slash: results of older
            versions have one each.
        name: of the file, such as `RESULT_FILE`.
    """
    return f"{prefix}{name}" if prefix.endswith(".") else f"{prefix}/{name}"


def named_files(result: bytes) -> dict[str, str]:
    """Return the sha256 of each file that belongs to a `RESULT_FILE`, by name.

    Raises:
        ValueError: it is no such file, or it names files that no result can have.
    """
    files = _Named.model_validate_json(result).files
    if not all(map(_PLAIN.fullmatch, files)):
        raise ValueError("It names files that no result can have.")
    return files


async def delete_result(store: ObjectStore, prefix: str) -> None:
    """Remove all files of a result, or what an attempt stored of one; none is no error.

    `RESULT_FILE` goes last: until then it says what else there may be.
    """
    if not prefix.endswith("."):
        await store.delete_below(prefix)
        return
    names = {MARKDOWN_FILE}
    try:
        data = await store.get_bytes(result_key(prefix, RESULT_FILE))
        names |= (await asyncio.to_thread(named_files, data)).keys()
    except (NotFoundError, ValueError):
        pass  # nothing besides was stored, or a damaged store: then nothing can be known
    for name in (*sorted(names - {RESULT_FILE}), RESULT_FILE):
        await store.delete(result_key(prefix, name))
