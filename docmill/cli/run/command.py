"""The command run: what it needs is started first, then loaded; see `folder_run` for the work."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from docmill.cli.console import Voice
from docmill.cli.execute import collect_garbage
from docmill.cli.exits import Exit
from docmill.cli.interrupts import until_interrupted
from docmill.cli.options import program
from docmill.cli.run.request import Plan
from docmill.cli.runtime import open_runtime
from docmill.settings import Settings

if TYPE_CHECKING:
    from docmill.cli.run.folder import Run


async def run_plan(plan: Plan, settings: Settings, *, as_json: bool, profile: str | None) -> int:
    """Run the main job on a folder and return the command's exit code."""
    command = _Command(plan, settings, Voice(as_json=as_json))
    code = await until_interrupted(command.perform(profile), command.voice.say_stopping)
    if code is None:
        command.say_interrupted()
        return Exit.INTERRUPTED
    return code


class _Command:
    def __init__(self, plan: Plan, settings: Settings, voice: Voice) -> None:
        self._plan = plan
        self._settings = settings
        self.voice = voice
        self._run: Run | None = None

    async def perform(self, profile: str | None) -> int:
        """Run the job, and say how it ended once nothing of it runs any more."""
        began = monotonic()
        await asyncio.to_thread(self._plan.claim_out)
        async with open_runtime(self._settings, profile, self.voice.say) as runtime:
            # Loaded while the server and the worker start.
            from docmill.cli.run.folder import Run
            from docmill.cli.run.summary import print_ending

            collect_garbage()
            self._run = Run(self._plan, self.voice, runtime, began)
            ending = await self._run.perform(self._settings)
        self.voice.answer(ending.as_json())
        print_ending(self.voice, ending)
        return ending.code

    def say_interrupted(self) -> None:
        """Say what is kept, and how to go on."""
        run = self._run
        if run is None or run.batch is None:
            self.voice.say("Interrupted before a batch was made.")
            return
        goes_on = "goes on without this command" if run.runtime.remote else "is kept"
        self.voice.say(f"Interrupted. The batch {run.batch.id} {goes_on}.", style="bold")
        self.voice.say("Resume it:  run the same command again")
        self.voice.say(f"Cancel it:  {program()} cancel {run.batch.id}")
