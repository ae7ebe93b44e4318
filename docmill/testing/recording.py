"""What engines under test note for their test."""

import fcntl
from pathlib import Path


def append_line(path: Path, line: str) -> int:
    """Append ``line`` and return how many lines there are now; safe between processes."""
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{line}\n")
        file.flush()
        file.seek(0)
        return sum(1 for _ in file)
