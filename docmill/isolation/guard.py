"""A small process that ends a worker's engine children when the worker is gone.

The kernel kills a child with its parent (Linux), but not the child's own children, and elsewhere
not even the child. The guard holds the reading end of a pipe whose other end only the worker has:
when the pipe closes, however the worker ended, it ends every family that is still on its list and
removes their private folders.

Lines: ``+ GROUP FOLDER`` puts a family on the list, ``- GROUP`` takes it off.
"""

import os
import sys
from pathlib import Path
from typing import TextIO

from docmill.isolation import trees
from docmill.isolation.families import kill_family


def watch(lines: TextIO) -> dict[int, str]:
    """Follow the list until ``lines`` end; return the families that are still on it."""
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
    """Watch standard input, then clean up."""
    for group, folder in watch(sys.stdin).items():
        kill_family(group, folder)
        trees.remove(Path(folder))
    os._exit(0)


if __name__ == "__main__":
    main()
