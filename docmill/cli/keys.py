"""The commands keys: create, list, rotate, revoke API keys; rotate keys of links and records."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from docmill.cli.console import Console
from docmill.cli.context import command_actor, open_context
from docmill.cli.execute import audited_settings_of, execute
from docmill.cli.exits import Exit
from docmill.cli.options import HomeOption, JsonOption
from docmill.contracts.access import Role
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.records.api_keys import ApiKeys, NewKey, is_live
from docmill.records.audit import Audit, log_change
from docmill.records.link_keys import LinkKeys
from docmill.records.projects import Projects
from docmill.records.reencryption import reencrypt
from docmill.records.tables.access import ApiKey
from docmill.records.tables.base import now

group = typer.Typer(
    name="keys",
    help="API keys of projects.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key, as list prints it.")]


@group.command()
def create(
    *,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the key is for.")] = "",
    role: Annotated[
        str, typer.Option(metavar="ROLE", help="read, write or admin; each includes the former.")
    ] = "write",
    project: Annotated[
        str | None, typer.Option(metavar="ID", help="Its project.  [default: the default one]")
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Days until it expires.")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Make a key and print it, once.

    With the first key of a home the API begins to demand one of every request, for good.
    """
    execute(create_key(name, role, project, expires_days, as_json=as_json, home=home))


@group.command("list")
def list_(
    project: Annotated[
        str | None, typer.Option(metavar="ID", help="Only keys of this project.")
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """List keys, the oldest first; their secrets are not stored."""
    execute(list_keys(project, as_json=as_json, home=home))


@group.command()
def rotate(
    key_id: KeyId,
    overlap_minutes: Annotated[
        int, typer.Option(metavar="N", min=0, help="Minutes for which the old key goes on.")
    ] = 60,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Make a successor of a key and print it; the old one ends after an overlap."""
    execute(rotate_key(key_id, overlap_minutes, as_json=as_json, home=home))


@group.command()
def revoke(key_id: KeyId, as_json: JsonOption = False, home: HomeOption = None) -> None:
    """End a key for good; every API process refuses it within five seconds."""
    execute(revoke_key(key_id, as_json=as_json, home=home))


@group.command("rotate-links")
def rotate_links(
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End the links that were made so far, too.")
    ] = False,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Sign download links with a new key; links that were made before work to their end."""
    execute(rotate_link_key(revoke=revoke, as_json=as_json, home=home))


@group.command("encrypt-records")
def encrypt_records(as_json: JsonOption = False, home: HomeOption = None) -> None:
    """Encrypt the secrets in the records again, with the first key of DOCMILL_SECRET_KEY."""
    execute(encrypt_secrets(as_json=as_json, home=home))


async def create_key(
    name: str,
    role: str,
    project_id: str | None,
    expires_days: int | None,
    *,
    as_json: bool,
    home: Path | None,
) -> int:
    """Make a key and print it."""
    wanted = _role(role)
    expires_at = None if expires_days is None else now() + timedelta(days=expires_days)
    project_id = project_id or DEFAULT_PROJECT_ID
    async with open_context(audited_settings_of(home)) as context:
        async with context.database.read() as session:
            first = not await ApiKeys(session).required()
        own = context.database.scoped(project_id, command_actor("create_key"))
        async with own.write() as session:
            project = await Projects(session).get(project_id)
            new = await ApiKeys(session).create(project, name, wanted, expires_at)
    console = Console(as_json=as_json)
    _show(console, new)
    if first:
        console.print("From now on the API demands a key of every request, for good.")
    return Exit.OK


async def list_keys(project_id: str | None, *, as_json: bool, home: Path | None) -> int:
    """Print the keys of a project, or of all."""
    console = Console(as_json=as_json)
    async with (
        open_context(audited_settings_of(home)) as context,
        context.database.read() as session,
    ):
        keys = await ApiKeys(session).list(project_id)
    console.print_json({"keys": [_as_json(key) for key in keys]})
    if not as_json:
        _print(console, keys)
    return Exit.OK


async def rotate_key(key_id: str, overlap_minutes: int, *, as_json: bool, home: Path | None) -> int:
    """Make a successor of a key and print it."""
    async with open_context(audited_settings_of(home)) as context:
        async with context.database.read() as session:
            project_id = (await ApiKeys(session).get(key_id)).project_id
        own = context.database.scoped(project_id, command_actor("rotate_key"))
        async with own.write() as session:
            new = await ApiKeys(session).rotate(key_id, timedelta(minutes=overlap_minutes))
    console = Console(as_json=as_json)
    _show(console, new)
    console.print(f"The key {key_id} ends in {overlap_minutes} minutes.")
    return Exit.OK


async def revoke_key(key_id: str, *, as_json: bool, home: Path | None) -> int:
    """End a key."""
    async with open_context(audited_settings_of(home)) as context:
        async with context.database.read() as session:
            project_id = (await ApiKeys(session).get(key_id)).project_id
        own = context.database.scoped(project_id, command_actor("revoke_key"))
        async with own.write() as session:
            key = await ApiKeys(session).revoke(key_id)
    console = Console(as_json=as_json)
    console.print_json(_as_json(key))
    console.print(f"Revoked {key_id}; every API process refuses it within five seconds.")
    return Exit.OK


async def rotate_link_key(*, revoke: bool, as_json: bool, home: Path | None) -> int:
    """Make the key that signs links from now on."""
    async with open_context(audited_settings_of(home)) as context:
        actor = command_actor("revoke_links" if revoke else "rotate_link_key")
        async with context.database.write() as session:
            key = await LinkKeys(session).rotate(revoke=revoke)
            change = await Audit(session).record(DEFAULT_PROJECT_ID, actor, [key.id])
        log_change(change)
    console = Console(as_json=as_json)
    console.print_json({"id": key.id})
    console.print(f"Links are signed with the key {key.id} within five seconds.")
    return Exit.OK


async def encrypt_secrets(*, as_json: bool, home: Path | None) -> int:
    """Encrypt all secrets in the records with the first key."""
    async with open_context(audited_settings_of(home)) as context:
        own = context.database.scoped(DEFAULT_PROJECT_ID, command_actor("encrypt_records"))
        rows = await reencrypt(context.database)
        await own.audit([])
    console = Console(as_json=as_json)
    console.print_json({"rows": rows})
    console.print(f"Encrypted {rows:,} rows with the first key.")
    return Exit.OK


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise UsageError(f"There is no role {text}.", f"Use one of {', '.join(Role)}.") from None


def _show(console: Console, new: NewKey) -> None:
    console.print_json({**_as_json(new.row), "key": new.text})
    if not console.as_json:
        console.print(new.text)
        console.print(
            f"This is the key {new.row.id} of {new.row.project_id}; it is shown only once."
        )


def _as_json(key: ApiKey) -> dict[str, Any]:
    names = ("id", "project_id", "name", "role", "created_at")
    times = ("expires_at", "revoked_at", "last_used_at")
    return {name: getattr(key, name) for name in (*names, *times)}


def _print(console: Console, keys: Sequence[ApiKey]) -> None:
    if not keys:
        console.print("No keys.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("ID", "PROJECT"):
        table.add_column(name, no_wrap=True)
    for name in ("NAME", "ROLE", "STATE", "EXPIRES (UTC)", "LAST USED (UTC)"):
        table.add_column(name, overflow="fold")
    for key in keys:
        ended = "revoked" if key.revoked_at else "expired"
        table.add_row(
            key.id,
            key.project_id,
            key.name,
            key.role,
            "live" if is_live(key, now()) else ended,
            f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never",
            f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
        )
    console.print_table(table)
