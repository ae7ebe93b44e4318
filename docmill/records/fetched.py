"""What the ledger learns when a document that was named by URL has been fetched."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.files import Files
from docmill.records.items import ClaimedItem, StaleItem
from docmill.records.ledger_statements import CHANGE_IF_HELD, held_by
from docmill.records.tables import DirectoryFile, File


async def record_fetched(session: AsyncSession, item: ClaimedItem, file: File) -> None:
    """List ``file`` as the bytes of ``item``, and forget the URL: it may carry secrets.

    Args:
        session: of one write transaction.
        item: as claimed.
        file: not yet saved; its bytes are in the store.

    Raises:
        StaleItem: another attempt holds the item, or it has its outcome.
    """
    known = {"size": file.size, "sha256": file.sha256}
    if await session.scalar(CHANGE_IF_HELD, held_by(item) | known) is None:
        raise StaleItem("A newer attempt holds this item.")
    file, _ = await Files(session).create(file)
    listed = (
        DirectoryFile.directory_id == item.directory_id,
        DirectoryFile.sequence == item.sequence,
    )
    forgotten = {"source_url": None, "http_proxy": None}
    await session.execute(
        update(DirectoryFile).where(*listed).values(file_id=file.id, **known, **forgotten)
    )
