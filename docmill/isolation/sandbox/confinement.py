"""Level of confinement of engine processes, from the operator's setting and the system."""

import mimetypes
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from docmill.engines.base import Profile
from docmill.errors import UsageError
from docmill.isolation.sandbox import landlock, seccomp
from docmill.isolation.sandbox.bubblewrap import trouble
from docmill.isolation.sandbox.landlock import READ, RUN, WRITE, Access
from docmill.settings import APPLICATION


class Mode(StrEnum):
    """Setting ``DOCMILL_SANDBOX``."""

    REQUIRE = "require"
    PREFER = "prefer"
    OFF = "off"


class Reuse(StrEnum):
    """Setting ``DOCMILL_SANDBOX_REUSE``: what one process may read, always of one project."""

    GROUP = "group"
    """Any number of documents of one project, in sequence."""
    DOCUMENT = "document"
    """One document."""


class Level(StrEnum):
    """Levels of confinement, highest first."""

    CONFINED = "landlock+seccomp"
    """Files by Landlock, everything else by the system call filter."""
    FILTERED = "seccomp"
    """Only the filter: the process can read and write all files that the worker can."""
    NONE = "none"
    """Only limits of memory, size and time, as on macOS."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """Confinement of engine processes on this machine.

    Attributes:
        level: the level.
        abi: Landlock's version; 0 below `Level.CONFINED`.
        reason: reason for a lower level than was asked for; empty for the highest.
        bubblewrap: whether the processes are also in namespaces of their own.
    """

    level: Level
    abi: int = 0
    reason: str = ""
    bubblewrap: bool = False

    def __str__(self) -> str:
        """The level as one line for people."""
        more = "+bubblewrap" if self.bubblewrap else ""
        detail = f" (Landlock ABI {self.abi})" if self.abi else ""
        return f"{self.level}{more}{detail}{': ' if self.reason else ''}{self.reason}"


_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share")
_PROGRAMS = ("/usr", "/bin", "/sbin", "/opt", "/etc/alternatives")
_DATA = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/fonts",
    "/dev/zero",
    "/dev/urandom",
    "/dev/random",
)
_NO_FILTER = "Docmill has no system call table for this system, or the kernel no filter"
_NO_LANDLOCK = "this kernel has no Landlock, or denies it to this process"


def available(mode: Mode | str, *, bubblewrap: bool = False) -> Confinement:
    """Return the confinement for a setting.

    Args:
        mode: the setting.
        bubblewrap: whether to add bubblewrap's namespaces.

    Raises:
        UsageError: it is required and not available.
    """
    found = _available(mode)
    if not bubblewrap or mode == Mode.OFF:
        return found
    if not (why := trouble()):
        return replace(found, bubblewrap=True)
    if mode == Mode.REQUIRE:
        raise UsageError(
            f"DOCMILL_SANDBOX=require with DOCMILL_SANDBOX_BUBBLEWRAP, but {why}.",
            "Install bubblewrap and allow user namespaces, or unset DOCMILL_SANDBOX_BUBBLEWRAP.",
        )
    return replace(found, reason="; ".join(filter(None, (found.reason, why))))


def _available(mode: Mode | str) -> Confinement:
    if mode == Mode.OFF:
        return Confinement(Level.NONE, reason="switched off by DOCMILL_SANDBOX=off")
    if seccomp.machine() is None:
        found = Confinement(Level.NONE, reason=_NO_FILTER)
    elif version := landlock.abi():
        return Confinement(Level.CONFINED, version)
    else:
        found = Confinement(Level.FILTERED, reason=_NO_LANDLOCK)
    if mode == Mode.REQUIRE:
        raise UsageError(
            f"DOCMILL_SANDBOX=require, but engine processes cannot be confined: {found.reason}.",
            "Use Linux 5.13 or later with Landlock, on x86_64 or aarch64; or set it to prefer.",
        )
    return found


def confine(level: Level, profile: Profile, read: Path, write: list[Path]) -> None:
    """Confine this process, which must have one thread, permanently.

    Args:
        level: from `available`.
        profile: profile of its engines.
        read: folder of its input.
        write: folders that are also writable.

    Raises:
        OSError: the kernel denies it; the process must not continue.
    """
    if level is Level.CONFINED:
        rules = [(read, READ), *((folder, WRITE) for folder in write), *_system(profile)]
        landlock.restrict(landlock.abi(), rules)
    found = seccomp.machine()
    if level is not Level.NONE and found is not None:
        seccomp.install(found, programs=profile is Profile.PROGRAMS)


def _system(profile: Profile) -> Iterator[tuple[Path, Access]]:
    """Yield the readable files and folders of engines, Python and the system."""
    programs = profile is Profile.PROGRAMS
    of_code = RUN if programs else READ
    yield from ((place, of_code) for place in _code())
    yield from ((Path(place), of_code) for place in _SYSTEM)
    if programs:
        yield from ((Path(place), RUN) for place in _PROGRAMS)
    yield from ((Path(place), READ) for place in (*_DATA, *mimetypes.knownfiles))
    yield Path(os.devnull), Access.READ_FILE | Access.WRITE_FILE


def _code() -> set[Path]:
    """Return the import paths of Python, and the data folders of installed packages.

    Of a checkout only the package: other files there may be results, keys and notes.
    """
    places = {Path(place).resolve() for place in sys.path if place}
    paths = sysconfig.get_paths()
    places |= {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {Path(sys.prefix) / "share", Path(sys.base_prefix) / "lib"}
    application = APPLICATION.resolve()
    if application in places:
        places.remove(application)
        places.add(application / "docmill")
    return {place for place in places if place != Path("/")}
