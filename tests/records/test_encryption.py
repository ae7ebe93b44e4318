"""Secrets in the records: encrypted at rest, readable with any of the keys, and key rotation."""

import asyncio
import base64
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, text

from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records import migrations
from docmill.records.configurations import Configurations
from docmill.records.database import Database
from docmill.records.encryption import KEY_FILE, PREFIX, Cipher, SecretKeyError
from docmill.records.projects import Projects
from docmill.records.reencryption import encrypted_columns, reencrypt
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.access import LinkKey
from docmill.records.tables.api import WebhookConfiguration, WebhookTarget
from docmill.records.tables.sources import Configuration
from docmill.records.webhooks import Webhooks
from tests.records.everywhere import everything_in

CANARY = "canary-4f1c"
ENDPOINT = {
    "webhook_url": f"https://example.com/{CANARY}",
    "webhook_headers": {"Authorization": f"Bearer {CANARY}"},
    "webhook_signing_secret": f"whsec_{CANARY}",
}
LINK_SECRET = f"{CANARY} of 32 bytes for signed links".encode()


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@asynccontextmanager
async def opened(url: str, keys: str = "") -> AsyncIterator[Database]:
    database = Database(url, EVERY_PROJECT, secret_keys=keys)
    try:
        yield database
    finally:
        await database.close()


async def plant(database: Database) -> None:
    """Write a secret into every column that is encrypted."""
    async with database.write() as session:
        row = WebhookConfiguration(
            id="whc-1",
            project_id=DEFAULT_PROJECT_ID,
            webhook_url=ENDPOINT["webhook_url"],
            webhook_headers=ENDPOINT["webhook_headers"],
            signing_secret=ENDPOINT["webhook_signing_secret"],
        )
        await Webhooks(session).create(row)
        target = WebhookTarget(
            owner_id="bat-1", number=0, project_id=DEFAULT_PROJECT_ID, endpoint=ENDPOINT
        )
        await Webhooks(session).add_targets([target])
        await Configurations(session).upsert(
            DEFAULT_PROJECT_ID, "one", "parse_v2", {"webhook_configurations": [ENDPOINT]}
        )
        session.add(LinkKey(id="1", secret=LINK_SECRET))
        await session.flush()


async def check_planted(database: Database) -> None:
    async with database.read() as session:
        hook = await Webhooks(session).get(DEFAULT_PROJECT_ID, "whc-1")
        assert hook.webhook_url == ENDPOINT["webhook_url"]
        assert hook.webhook_headers == ENDPOINT["webhook_headers"]
        assert hook.signing_secret == ENDPOINT["webhook_signing_secret"]
        target = await session.get(WebhookTarget, ("bat-1", 0))
        assert target is not None
        assert target.endpoint == ENDPOINT
        found = (await session.scalars(select(Configuration))).one()
        assert found.parameters == {"webhook_configurations": [ENDPOINT]}
        versions = await Configurations(session).versions(found.id)
        assert [one.parameters for one in versions] == [found.parameters]
        key = await session.get(LinkKey, "1")
        assert key is not None
        assert key.secret == LINK_SECRET


async def stored_values(database: Database) -> dict[str, Any]:
    """Every encrypted column of every row, as it is in the database."""
    found = {}
    async with database.read() as session:
        for table, names in encrypted_columns().items():
            for name in names:
                query = text(f'SELECT {name} FROM "{table.__tablename__}"')
                for number, value in enumerate((await session.scalars(query)).all()):
                    raw = value.decode() if isinstance(value, bytes) else value
                    found[f"{table.__tablename__}.{name}.{number}"] = (
                        raw.strip('"') if isinstance(raw, str) else raw
                    )
    return found


async def test_copy_of_the_database_holds_no_secret(database: Database) -> None:
    await plant(database)
    await check_planted(database)

    copy = await everything_in(database)
    assert b"whc-1" in copy
    assert CANARY.encode() not in copy
    assert LINK_SECRET.hex().encode() not in copy
    values = await stored_values(database)
    assert len(values) == 7
    assert all(value.startswith(PREFIX) for value in values.values()), values


async def _make_plain(database: Database) -> None:
    """Make an empty database one of the version before encryption, with planted secrets."""

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0016")

    if database.path is not None:
        database.path.parent.mkdir()
    async with database.writer.begin() as connection:
        await connection.run_sync(upgrade)
    async with database.write() as session:
        await Projects(session).ensure_default()
    await plant(database)
    await _decrypt_in_place(database)


async def test_secrets_of_earlier_versions_are_encrypted_by_the_migration(
    database_url: str,
) -> None:
    key = new_key()
    async with opened(database_url, key) as database:
        await _make_plain(database)
        assert CANARY.encode() in await everything_in(database)

        await database.migrate()

        await check_planted(database)
    async with opened(database_url, key) as database:  # a close writes SQLite's log into the file
        assert CANARY.encode() not in await everything_in(database)
        values = await stored_values(database)
        assert all(value.startswith(PREFIX) for value in values.values()), values


KILLED = """
import asyncio, os, signal, sys
from docmill.records.database import Database
from docmill.records.encryption import EncryptedBytes

EncryptedBytes.process_bind_param = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(Database(sys.argv[1], secret_keys=sys.argv[2]).migrate())
"""
"""A migration that is killed at its last table, when it has encrypted all others."""


@pytest.mark.integration
async def test_killed_migration_leaves_the_version_before_and_can_be_repeated(
    database_url: str,
) -> None:
    key = new_key()
    async with opened(database_url, key) as database:
        await _make_plain(database)
        plain = await stored_values(database)

        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", KILLED, database_url, key], check=False
        )

        assert done.returncode == -signal.SIGKILL
        assert await stored_values(database) == plain
        async with database.read() as session:
            version = await session.scalar(text("SELECT version_num FROM alembic_version"))
        assert version == "0016"
        await database.migrate()
        await check_planted(database)
        values = await stored_values(database)
        assert all(value.startswith(PREFIX) for value in values.values()), values


async def _decrypt_in_place(database: Database) -> None:
    """Write the planted secrets as versions before encryption did."""
    as_json = ":value" if database.is_sqlite else "CAST(:value AS JSONB)"
    parameters = json.dumps({"webhook_configurations": [ENDPOINT]})
    plain = [
        ("webhook_configurations", "webhook_url", ":value", ENDPOINT["webhook_url"]),
        ("webhook_configurations", "signing_secret", ":value", ENDPOINT["webhook_signing_secret"]),
        (
            "webhook_configurations",
            "webhook_headers",
            as_json,
            json.dumps(ENDPOINT["webhook_headers"]),
        ),
        ("webhook_targets", "endpoint", as_json, json.dumps(ENDPOINT)),
        ("configurations", "parameters", as_json, parameters),
        ("configuration_versions", "parameters", as_json, parameters),
        ("link_keys", "secret", ":value", LINK_SECRET),
    ]
    async with database.write() as session:
        for table, column, value, given in plain:
            change = text(f"UPDATE {table} SET {column} = {value}")
            await session.execute(change, {"value": given})


async def test_secrets_stay_readable_during_key_rotation(
    migrated_url: str,
) -> None:
    old, new = new_key(), new_key()
    async with opened(migrated_url, old) as database:
        await plant(database)
        async with database.read() as session:
            before = await Webhooks(session).get(DEFAULT_PROJECT_ID, "whc-1")
    async with opened(migrated_url, f"{new}, {old}") as database:
        await check_planted(database)
        assert await reencrypt(database) == 5
    async with opened(migrated_url, new) as database:
        await check_planted(database)
        async with database.read() as session:
            after = await Webhooks(session).get(DEFAULT_PROJECT_ID, "whc-1")
        assert after.updated_at == before.updated_at
    async with opened(migrated_url, old) as database:
        with pytest.raises(SecretKeyError, match="does not have") as raised:
            await check_planted(database)
    assert CANARY not in f"{raised.value}{raised.value.hint}"


async def test_many_rows_are_encrypted_again_in_several_transactions(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docmill.records.reencryption.ROWS_AT_ONCE", 2)
    old, new = new_key(), new_key()
    async with opened(migrated_url, old) as database, database.write() as session:
        targets = [
            WebhookTarget(
                owner_id=f"bat-{number // 3}",
                number=number % 3,
                project_id=DEFAULT_PROJECT_ID,
                endpoint=ENDPOINT,
            )
            for number in range(7)
        ]
        await Webhooks(session).add_targets(targets)
    async with opened(migrated_url, f"{new},{old}") as database:
        assert await reencrypt(database) == 7
    async with opened(migrated_url, new) as database, database.read() as session:
        rows = (await session.scalars(select(WebhookTarget))).all()
        assert [row.endpoint for row in rows] == [ENDPOINT] * 7


async def test_shared_database_encrypts_once_it_has_a_key(migrated_postgres_url: str) -> None:
    async with opened(migrated_postgres_url) as database:
        with pytest.raises(UsageError, match="DOCMILL_SECRET_KEY"):
            database.check_secret_key()
        await plant(database)
        await check_planted(database)
        assert CANARY.encode() in await everything_in(database)

    async with opened(migrated_postgres_url, new_key()) as database:
        await reencrypt(database)
        await check_planted(database)
        assert CANARY.encode() not in await everything_in(database)

    async with opened(migrated_postgres_url) as database:
        with pytest.raises(SecretKeyError, match="has no key") as raised:
            await check_planted(database)
        assert CANARY not in str(raised.value)


async def test_sqlite_file_gets_a_key_file_readable_only_by_its_owner(
    migrated_sqlite_url: str,
) -> None:
    async with opened(migrated_sqlite_url) as database:
        assert database.path is not None
        file = database.path.with_name(KEY_FILE)
        assert not file.exists()
        await plant(database)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert CANARY.encode() not in await everything_in(database)
    async with opened(migrated_sqlite_url) as database:
        await check_planted(database)
    async with opened(migrated_sqlite_url, new_key()) as database:  # the setting comes later
        await check_planted(database)
        await reencrypt(database)
    file.write_text("no key")
    async with opened(migrated_sqlite_url) as database:
        with pytest.raises(SecretKeyError, match=KEY_FILE):
            await check_planted(database)


def test_processes_that_start_together_agree_on_one_key_file(tmp_path: Path) -> None:
    ciphers = [Cipher("", tmp_path / KEY_FILE) for _ in range(16)]
    with ThreadPoolExecutor(16) as threads:
        tokens = list(threads.map(lambda cipher: cipher.encrypt(b"secret"), ciphers))

    assert {cipher.decrypt(token) for cipher in ciphers for token in tokens} == {b"secret"}
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize(
    "wrong", ["short", "x" * 44, "ä" * 32, base64.b64encode(b"16 bytes only...").decode()]
)
def test_malformed_key_is_rejected_and_not_printed(wrong: str) -> None:
    with pytest.raises(UsageError) as raised:
        Cipher(f"{new_key()},{wrong}")
    assert wrong not in f"{raised.value}{raised.value.hint}"
