"""Object keys of stored results, and their deletion.

All files of a result share a key prefix, which an attempt derives from its row in the ledger. So
the keys that a lost attempt may have written are known without listing the store.
"""

import asyncio
import re

from pydantic import BaseModel

from docmill.errors import NotFoundError
from docmill.objects.base import ObjectStore

RESULT_FILE = "result.json"
"""The result; it contains the names and hashes of its other files."""
MARKDOWN_FILE = "document.md"
"""The Markdown of nearly every result."""

_FOLDER_BITS = 16
"""65,536 items share a folder, which file systems handle well."""
_PLAIN = re.compile(r"\w[\w.-]{0,199}", re.ASCII)
"""Allowed file names in a result, because they become keys and paths."""


class _Named(BaseModel):
    """The part of a `RESULT_FILE` that is read here."""

    files: dict[str, str] = {}


def result_prefix(project_id: str, batch_id: str, position: int, epoch: int, attempt: int) -> str:
    """Return the key prefix of the files that one attempt of an item writes.

    Each attempt has its own prefix, so a late attempt overwrites nothing.
    """
    folder = f"results/{project_id}/{batch_id}/{position >> _FOLDER_BITS}"
    return f"{folder}/{position}-{epoch}-{attempt}."


def slices_prefix(project_id: str, batch_id: str, position: int, epoch: int, digest: str) -> str:
    """Return the key prefix of the stored slices of a large document.

    All attempts of an epoch share it, so that no slice is read twice.

    Args:
        project_id: of the item.
        batch_id: of the item.
        position: of the item.
        epoch: of the batch.
        digest: of the input of the slices.
    """
    return f"{result_prefix(project_id, batch_id, position, epoch, 0)}slices-{digest}-"


def result_key(prefix: str, name: str) -> str:
    """Return the key of one file of a result.

    Args:
        prefix: from `result_prefix`; for results of older versions a folder, without its slash.
        name: of the file, such as `RESULT_FILE`.
    """
    return f"{prefix}{name}" if prefix.endswith(".") else f"{prefix}/{name}"


def named_files(result: bytes) -> dict[str, str]:
    """Return the SHA-256 of each file that a `RESULT_FILE` names.

    Raises:
        ValueError: it is not a result, or a file name in it is invalid.
    """
    files = _Named.model_validate_json(result).files
    if not all(map(_PLAIN.fullmatch, files)):
        raise ValueError("The result names invalid files.")
    return files


async def delete_result(store: ObjectStore, prefix: str) -> None:
    """Delete all files of a result, or the files that a lost attempt stored; none is no error.

    `RESULT_FILE` is deleted last, because it names the others.
    """
    if not prefix.endswith("."):
        await store.delete_below(prefix)
        return
    names = {MARKDOWN_FILE}
    try:
        data = await store.get_bytes(result_key(prefix, RESULT_FILE))
        names |= (await asyncio.to_thread(named_files, data)).keys()
    except (NotFoundError, ValueError):
        pass  # no other file was stored; or the result is damaged, and its files are unknown
    for name in (*sorted(names - {RESULT_FILE}), RESULT_FILE):
        await store.delete(result_key(prefix, name))
