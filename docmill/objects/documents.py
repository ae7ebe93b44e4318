"""Where documents lie in the store: the same bytes of a project once, under their hash."""

from pathlib import Path

from docmill.objects.base import ObjectStore


async def store_document(
    store: ObjectStore, project_id: str, sha256: str, size: int, path: Path
) -> str:
    """Put a document into the store unless it is there, and return its key.

    Bytes whose row was never written are found by the next attempt. Call it again once the row
    that names them is committed: retention may have removed older ones in between, which it does
    for no row that it sees.

    Args:
        store: where to.
        project_id: whose.
        sha256: of the bytes.
        size: in bytes.
        path: of the document; it may be moved into the store.

    Raises:
        UnavailableError: the store is away or full.
    """
    key = f"files/{project_id}/{sha256[:2]}/{sha256}"
    if await store.size(key) != size:
        await store.put_file(key, path)
    return key
