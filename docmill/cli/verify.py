"""The command verify: the output of a run against its manifest."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from docmill.cli.console import Console
from docmill.cli.execute import execute
from docmill.cli.exits import Exit
from docmill.cli.options import JsonOption
from docmill.objects.places import place_of
from docmill.outputs.verify import verify as compare

SHOWN = 50
"""Problems that are printed for people; ``--json`` has them all."""


def verify(
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="A folder, or the URL of a bucket, that run has written."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Compare outputs with the manifest.

    Every output is hashed again; those in a bucket are downloaded for it. The exit code is 1 when a
    byte changed or a file is missing.
    """
    execute(verify_outputs(out, as_json=as_json))


async def verify_outputs(out: str, *, as_json: bool) -> int:
    """Compare the output of a run with its manifest."""
    console = Console(as_json=as_json)
    problems = await asyncio.to_thread(compare, place_of(out))
    console.print_json({"out": out, "ok": not problems, "problems": list(map(asdict, problems))})
    if not as_json:
        for problem in problems[:SHOWN]:
            console.print(f"{problem.path} {problem.what}.", style="red")
        if len(problems) > SHOWN:
            console.print(f"… and {len(problems) - SHOWN:,} more.")
        console.print(
            f"{len(problems):,} problems in {out}: the same run command writes them again."
            if problems
            else f"Everything in {out} is as it was written."
        )
    return Exit.SOME_FAILED if problems else Exit.OK
