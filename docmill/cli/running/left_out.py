"""What a listing left out, said in the terminal."""

from typing import Any

from docmill.cli.voice import Voice
from docmill.contracts.left_out import LEFT_OUT_WORDS, LeftOutReason, total_left_out

SHOWN = 3
"""Names of each reason that are shown; ``--json`` and the report have more."""


def say_left_out(voice: Voice, left_out: dict[str, Any] | None) -> None:
    """Say what was left out of the listing and why, if anything was."""
    if not left_out:
        return
    voice.say(f"Left out of the listing: {total_left_out(left_out):,}", style="yellow")
    for reason, entry in left_out.items():
        names = entry["names"][:SHOWN]
        more = entry["count"] - len(names)
        named = ", ".join(names) + (f" and {more:,} more" if more else "")
        voice.say(f"  {entry['count']:,} {LEFT_OUT_WORDS[LeftOutReason(reason)]}: {named}")
