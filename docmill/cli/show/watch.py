"""The command watch."""

from pathlib import Path

from docmill.cli.console import Voice
from docmill.cli.context import open_office
from docmill.cli.execute import settings_of
from docmill.cli.exits import Exit
from docmill.cli.follow import follow
from docmill.cli.interrupts import until_interrupted
from docmill.cli.progress import view_for
from docmill.cli.runtime import open_runtime
from docmill.cli.show.warnings import batch_warnings, counts_as_json, say_warnings
from docmill.cli.snapshot import exit_of, look_at
from docmill.ids import DEFAULT_PROJECT_ID


async def watch_batch(
    batch_id: str, *, as_json: bool, profile: str | None, home: Path | None
) -> int:
    """Follow one batch until it ends; its exit code says how."""
    voice = Voice(as_json=as_json)
    code = await until_interrupted(_watch(voice, batch_id, profile, home), voice.say_stopping)
    if code is None:
        voice.say(f"Stopped watching {batch_id}: the batch is kept.")
    return Exit.INTERRUPTED if code is None else code


async def _watch(voice: Voice, batch_id: str, profile: str | None, home: Path | None) -> int:
    async with open_office(settings_of(home)) as office:
        snapshot = await look_at(office.database, DEFAULT_PROJECT_ID, batch_id)
        if not snapshot.ended:
            async with open_runtime(office.settings, profile, voice.say) as runtime:
                page = (await runtime.connection()).page_of(batch_id)
                voice.say(f"Temporal: {page or runtime.namespace}")
                service = office.batches(runtime)
                with view_for(voice) as view:
                    snapshot = await follow(
                        office.database, service, snapshot.batch, view, voice=voice
                    )
        voice.say(f"{batch_id}: {snapshot.state}, {snapshot.counts()}")
        warnings = await batch_warnings(office.database, snapshot.batch)
        say_warnings(voice, batch_id, warnings)
        voice.answer(snapshot.as_json() | counts_as_json(warnings))
        return await exit_of(office.database, snapshot)
