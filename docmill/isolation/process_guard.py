"""The worker's side of the guard: which families it must end when the worker is gone."""

import asyncio
import subprocess
import sys
from contextlib import suppress

from docmill.isolation.environment import child_environment


class Guard:
    """Keeps a guard process running, and its list true. See `docmill.isolation.guard`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._families: dict[int, str] = {}

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; it must be in a session of its own to outlive the worker's."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "docmill.isolation.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=child_environment(),
            cwd="/",
        )

    def add(self, group: int, folder: str) -> None:
        """Put a family on the list; a guard that was killed meanwhile is replaced."""
        self._families[group] = folder
        if self._process is None or self._process.poll() is not None:
            self._abandon()
            self.start()
            for known, its_folder in self._families.items():
                self._tell(f"+ {known} {its_folder}\n")
        else:
            self._tell(f"+ {group} {folder}\n")

    def remove(self, group: int) -> None:
        """Take a family off the list; may be called from any thread."""
        if self._families.pop(group, None):
            self._tell(f"- {group}\n")

    async def close(self) -> None:
        """End the process, which first ends every family that is still on the list."""
        if process := self._process:
            self._abandon()
            await asyncio.to_thread(process.wait)
            self._process = None

    def _abandon(self) -> None:
        if self._process and self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()

    def _tell(self, line: str) -> None:
        if self._process and self._process.stdin:
            with suppress(OSError, ValueError):  # it was killed: `add` starts another
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()
