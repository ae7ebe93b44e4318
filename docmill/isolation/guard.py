"""Guard process: ends the engine processes of a worker when the worker is gone.

The kernel kills a child with its parent (Linux), but not the child's descendants, and elsewhere not
even the child. The guard reads from a pipe whose other end only the worker has. When the pipe
closes, however the worker ended, the guard kills every family on its list and removes their
folders.

Lines: ``+ GROUP FOLDER`` adds a family to the list, ``- GROUP`` removes it.
"""

import os
import sys
from pathlib import Path
from typing import TextIO

from docmill.isolation import trees
from docmill.isolation.families import kill_family


def watch(lines: TextIO) -> dict[int, str]:
    """Read ``lines`` to their end; return the families that remain on the list."""
    families: dict[int, str] = {}
    for line in lines:
        sign, _, rest = line.rstrip("\n").partition(" ")
        group, _, folder = rest.partition(" ")
        if sign == "+":
            families[int(group)] = folder
        else:
            families.pop(int(group), None)
    return families


def main() -> None:
    """Read standard input, then clean up."""
    for group, folder in watch(sys.stdin).items():
        kill_family(group, folder)
        trees.remove(Path(folder))
    os._exit(0)


if __name__ == "__main__":
    main()
