"""Run the command in a separate process, as a user does."""

import asyncio
import getpass
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from docmill.records.tables.access import AuditEvent
from tests.fixtures.keys import records_of

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cli:
    """The command on one home.

    Attributes:
        home: the home folder.
        cwd: where the command is typed.
        extra: more environment variables.
        program: what is called: starter.py of this checkout, or an installed command.
    """

    home: Path
    cwd: Path
    extra: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = (sys.executable, str(ROOT / "starter.py"))

    def command(self, *arguments: str | Path) -> list[str]:
        """The whole command line."""
        return [*self.program, *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        """The user's environment: no server named, this home."""
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("TEMPORAL_", "DOCMILL_"))}
        return {**plain, "DOCMILL_HOME": str(self.home), "DOCMILL_ENGINE_SLOTS": "2", **self.extra}

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.cwd,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=90,
            check=False,
        )

    def json(self, *arguments: str | Path) -> Any:
        """Run a command with --json and return its answer."""
        done = self(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def audited(self, batch_id: str) -> list[str]:
        """Return the actions of the audit log on a batch, oldest first; all are of this user."""

        async def read() -> list[AuditEvent]:
            database = records_of(self.home)
            async with database.read() as session:
                rows = await session.scalars(select(AuditEvent).order_by(AuditEvent.number))
                found = [row for row in rows if batch_id in row.objects]
            await database.close()
            return found

        rows = asyncio.run(read())
        assert {row.actor for row in rows} <= {f"cli:{getpass.getuser()}"}
        return [row.action for row in rows]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def wait_for(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read the output of ``process`` until a line matches."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if match := re.search(pattern, line):
            return match
    raise AssertionError(f"{pattern!r} never came:\n{''.join(seen)}")
