"""Worker side of the guard process: maintains its list of families."""

import asyncio
import subprocess
import sys
from contextlib import suppress

from docmill.isolation.environment import child_environment


class Guard:
    """Runs a guard process and keeps its list current. See `docmill.isolation.guard`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._families: dict[int, str] = {}

    @property
    def pid(self) -> int | None:
        """Process id of the running guard, or None."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the guard in a separate session, so that it outlives the session of the worker."""
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
        """Add a family to the list. If the guard was killed, start another one."""
        self._families[group] = folder
        if self._process is None or self._process.poll() is not None:
            self._abandon()
            self.start()
            for known, its_folder in self._families.items():
                self._tell(f"+ {known} {its_folder}\n")
        else:
            self._tell(f"+ {group} {folder}\n")

    def remove(self, group: int) -> None:
        """Remove a family from the list. Thread-safe."""
        if self._families.pop(group, None):
            self._tell(f"- {group}\n")

    async def close(self) -> None:
        """End the guard, which first kills every family that is still on the list."""
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
            with suppress(OSError, ValueError):  # it was killed; `add` starts another one
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()
