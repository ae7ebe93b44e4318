"""Storage of uploaded and fetched documents, by hash, so that a project stores bytes once."""

from pathlib import Path

from docmill.objects.base import ObjectStore


async def store_document(
    store: ObjectStore, project_id: str, sha256: str, size: int, path: Path
) -> str:
    """Store a document unless it is already stored, and return its key.

    Call it again after the row with the key is committed: retention may have removed an older copy
    in between, because it did not see the row yet.

    Args:
        store: the object store.
        project_id: the project of the document.
        sha256: of the bytes.
        size: in bytes.
        path: of the document; it may be moved into the store.

    Raises:
        UnavailableError: the store is unavailable or full.
    """
    key = f"files/{project_id}/{sha256[:2]}/{sha256}"
    if await store.size(key) != size:
        await store.put_file(key, path)
    return key
