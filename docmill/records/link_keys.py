"""Keys of signed links, stored in the database so that all API processes share them."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.records.statements import try_insert
from docmill.records.tables.access import LinkKey
from docmill.records.tables.base import now

SECRET_BYTES = 32
LONGEST_LINK = timedelta(days=7)
"""Maximum lifetime of a link. Older keys verify nothing once they are replaced."""
_FIRST = "1"


class LinkKeys:
    """Queries over link keys."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def list(self) -> Sequence[LinkKey]:
        """Return all keys. The first one signs; all verify."""
        query = select(LinkKey).order_by(LinkKey.created_at.desc(), LinkKey.id.desc())
        return (await self._session.scalars(query)).all()

    async def ensure(self) -> None:
        """Create the first key, if there is none."""
        if not await self.list():
            await try_insert(self._session, _new(_FIRST))

    async def rotate(self, *, revoke: bool) -> LinkKey:
        """Create the key that signs from now on.

        Args:
            revoke: whether existing links become invalid at once; otherwise they stay valid until
                they expire, and only keys without valid links are deleted.
        """
        keys = await self.list()
        moment = now()
        replaced = zip([moment, *(key.created_at for key in keys)], keys, strict=False)
        gone = [key.id for at, key in replaced if revoke or at < moment - LONGEST_LINK]
        await self._session.execute(delete(LinkKey).where(LinkKey.id.in_(gone)))
        key = _new(secrets.token_hex(4))
        self._session.add(key)
        await self._session.flush()
        return key


def _new(key_id: str) -> LinkKey:
    return LinkKey(id=key_id, secret=secrets.token_bytes(SECRET_BYTES))
