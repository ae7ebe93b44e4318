"""Programs that some tests need beside Python: what is missing, and the one command for it.

Run by ``make test`` before it starts; CI installs what ``--packages`` prints. It imports nothing
but the standard library, and works before the environment is set up. A test whose program is
missing skips, and names the package.
"""

import ctypes.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = {
    "chromium": "chromium",
    "node": "nodejs",
    "npm": "npm",
    "docker-compose": "docker-compose",
    "fc-list": "fontconfig",
    "promtool": "prometheus",
    "bwrap": "bubblewrap",
}
"""Programs, and the Debian packages that bring them."""

LIBRARIES = {"gomp": "libgomp1", "atomic": "libatomic1"}
"""Shared libraries of wheels: of what runs a language model, and of what drives a browser."""

KERNEL_HEADER = Path("/usr/include/asm-generic/unistd.h")
"""The kernel's list of calls, against which the sandbox's tables are held."""

FONTS = "fonts-dejavu-core"
"""Chromium draws no text without a font."""


def missing() -> Iterator[str]:
    """Yield the Debian packages that are missing here."""
    yield from (package for name, package in PROGRAMS.items() if shutil.which(name) is None)
    yield from (
        package
        for name, package in LIBRARIES.items()
        if sys.platform == "linux" and ctypes.util.find_library(name) is None
    )
    if sys.platform == "linux" and not KERNEL_HEADER.exists():
        yield "linux-libc-dev"
    if shutil.which("fc-list") is None:
        yield FONTS


def main() -> None:
    """Print the packages, or for people what is missing and the command that installs it."""
    packages = " ".join(missing())
    if "--packages" in sys.argv:
        print(packages)
    elif packages:
        print(
            f"Some tests are skipped: their programs are missing. On Debian or Ubuntu:\n"
            f"  sudo apt-get install --no-install-recommends {packages}",
            flush=True,
        )


if __name__ == "__main__":
    main()
