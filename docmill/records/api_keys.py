"""API keys: stored form, lookup, and the switch that makes the API require them.

A key is ``dml_<id>_<secret>``. The id identifies the row; of the secret only an HMAC is stored. The
secret has 256 random bits, so a slow hash is unnecessary.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from docmill.contracts.access import Role
from docmill.errors import ConflictError, NotFoundError
from docmill.records.statements import insert_into
from docmill.records.tables.access import ApiKey, AuthenticationMode
from docmill.records.tables.base import now
from docmill.records.tables.sources import Project

LAST_USED_EVERY = timedelta(minutes=1)
"""Precision of a key's last use, which bounds the writes of requests."""
_ALPHABET = string.ascii_letters + string.digits
_ID_CHARACTERS = 12
_SECRET_CHARACTERS = 43
"""62 ** 43 is above 2 ** 256."""
_KEY = re.compile(r"dml_([A-Za-z0-9]{12})_([A-Za-z0-9]{43})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key. Its text is available only here."""

    row: ApiKey
    text: str


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key with its project."""

    key: ApiKey
    project: Project


def parts_of(text: str) -> tuple[str, str] | None:
    """Parse a key; None if the text is not one."""
    match = _KEY.fullmatch(text)
    return None if match is None else (match[1], match[2])


def digest_of(key_id: str, secret: str) -> bytes:
    """Return the stored digest of a secret."""
    return hmac.digest(key_id.encode(), secret.encode(), hashlib.sha256)


def is_live(key: ApiKey, moment: datetime) -> bool:
    """Return whether a key is neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > moment)


class ApiKeys:
    """Queries over keys."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def required(self) -> bool:
        """Return whether a key was ever created, which makes the API require keys permanently."""
        return await self._session.get(AuthenticationMode, 1) is not None

    async def create(
        self, project: Project, name: str, role: Role, expires_at: datetime | None = None
    ) -> NewKey:
        """Create a key of ``project``. The first key makes the API require keys.

        Raises:
            ConflictError: the project is archived.
        """
        if project.archived_at is not None or project.deleted_at is not None:
            raise ConflictError(
                f"The project {project.id} is archived: it takes no new keys.",
                "Name another project.",
            )
        key_id, secret = _random(_ID_CHARACTERS), _random(_SECRET_CHARACTERS)
        row = ApiKey(
            id=key_id,
            project_id=project.id,
            name=name,
            role=role.value,
            digest=digest_of(key_id, secret),
            expires_at=expires_at,
        )
        self._session.add(row)
        mode = insert_into(self._session, AuthenticationMode).values(id=1, keys_since=now())
        await self._session.execute(mode.on_conflict_do_nothing())
        await self._session.flush()
        return NewKey(row, f"dml_{key_id}_{secret}")

    async def find(self, key_id: str) -> KnownKey | None:
        """Return a key with its project in any state, or None."""
        query = select(ApiKey, Project).join(Project, Project.id == ApiKey.project_id)
        found = (await self._session.execute(query.where(ApiKey.id == key_id))).one_or_none()
        return None if found is None else KnownKey(*found)

    async def get(self, key_id: str) -> ApiKey:
        """Return one key.

        Raises:
            NotFoundError: it does not exist.
        """
        found = await self._session.get(ApiKey, key_id)
        if found is None:
            raise NotFoundError(f"No key {key_id}.", "List keys to see their ids.")
        return found

    async def list(self, project_id: str | None = None) -> Sequence[ApiKey]:
        """Return the keys of a project, or all keys, oldest first, including ended ones."""
        query = select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)
        if project_id is not None:
            query = query.where(ApiKey.project_id == project_id)
        return (await self._session.scalars(query)).all()

    async def rotate(self, key_id: str, overlap: timedelta) -> NewKey:
        """Create a successor of a key, which remains valid for at most ``overlap``.

        Raises:
            NotFoundError: it does not exist.
            ConflictError: it was revoked or has expired.
        """
        old = await self.get(key_id)
        moment = now()
        if not is_live(old, moment):
            raise ConflictError(
                f"The key {key_id} was revoked or has expired.", "Create a new one instead."
            )
        project = await self._session.get_one(Project, old.project_id)
        new = await self.create(project, old.name, Role(old.role), old.expires_at)
        until = moment + overlap
        old.expires_at = until if old.expires_at is None else min(until, old.expires_at)
        await self._session.flush()
        return new

    async def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key permanently; idempotent.

        Raises:
            NotFoundError: it does not exist.
        """
        key = await self.get(key_id)
        if key.revoked_at is None:
            key.revoked_at = now()
            await self._session.flush()
        return key

    async def used(self, key_id: str) -> None:
        """Record the use of a key, at most once per `LAST_USED_EVERY` over all processes."""
        moment = now()
        stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < moment - LAST_USED_EVERY)
        await self._session.execute(
            update(ApiKey).where(ApiKey.id == key_id, stale).values(last_used_at=moment)
        )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
