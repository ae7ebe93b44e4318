"""The command verify: an output folder against its manifest."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from docmill.cli.console import Console
from docmill.cli.execute import execute
from docmill.cli.exits import Exit
from docmill.cli.options import JsonOption
from docmill.errors import UsageError
from docmill.objects.places import is_bucket_url
from docmill.outputs.verify import verify as compare

SHOWN = 50
"""Problems that are printed for people; ``--json`` has them all."""


def verify(
    out: Annotated[str, typer.Argument(metavar="OUT", help="A folder that run has written.")],
    as_json: JsonOption = False,
) -> None:
    """Compare outputs with the manifest.

    Every output is hashed again. The exit code is 1 when a byte changed or a file is missing.
    """
    execute(verify_outputs(out, as_json=as_json))


async def verify_outputs(out: str, *, as_json: bool) -> int:
    """Compare an output folder with its manifest."""
    console = Console(as_json=as_json)
    if is_bucket_url(str(out)):
        raise UsageError(
            "Results are verified in a folder only.",
            "Copy them with the provider's own command (aws s3 sync) and name that folder.",
        )
    problems = await asyncio.to_thread(compare, Path(out))
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
