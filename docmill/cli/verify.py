"""The command verify."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from docmill.cli.console import Voice
from docmill.cli.exits import Exit
from docmill.outputs.verify import verify

SHOWN = 50
"""Problems that are printed for people; ``--json`` has them all."""


async def verify_outputs(out: Path, *, as_json: bool) -> int:
    """Compare an output folder with its manifest."""
    voice = Voice(as_json=as_json)
    problems = await asyncio.to_thread(verify, out)
    voice.answer({"out": str(out), "ok": not problems, "problems": list(map(asdict, problems))})
    if not as_json:
        for problem in problems[:SHOWN]:
            voice.say(f"{problem.path} {problem.what}.", style="red")
        if len(problems) > SHOWN:
            voice.say(f"… and {len(problems) - SHOWN:,} more.")
        voice.say(
            f"{len(problems):,} problems in {out}: the same run command writes them again."
            if problems
            else f"Everything in {out} is as it was written."
        )
    return Exit.SOME_FAILED if problems else Exit.OK
