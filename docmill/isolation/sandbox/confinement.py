"""How much an engine process is confined: what the operator asks for, and what the system gives."""

import mimetypes
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from docmill.engines.base import Profile
from docmill.errors import UsageError
from docmill.isolation.sandbox import landlock, seccomp
from docmill.isolation.sandbox.landlock import READ, RUN, WRITE, Access
from docmill.settings import APPLICATION


class Mode(StrEnum):
    """What the operator asks for (``DOCMILL_SANDBOX``)."""

    REQUIRE = "require"
    PREFER = "prefer"
    OFF = "off"


class Reuse(StrEnum):
    """What one engine process may read (``DOCMILL_SANDBOX_REUSE``); of one project in any case."""

    GROUP = "group"
    """Any number of documents of one project, one after the other."""
    DOCUMENT = "document"
    """One document."""


class Level(StrEnum):
    """What holds, from the highest on."""

    CONFINED = "landlock+seccomp"
    """Files by Landlock, everything else by the filter of system calls."""
    FILTERED = "seccomp"
    """The filter alone: every file that the worker may read is readable, also to write to."""
    NONE = "none"
    """Limits of memory, size and time only, as on macOS."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What engine processes get on this machine.

    Attributes:
        level: what holds.
        abi: Landlock's version; 0 below `Level.CONFINED`.
        reason: why it is no higher level; empty for the highest.
    """

    level: Level
    abi: int = 0
    reason: str = ""

    def __str__(self) -> str:
        """The level in a line for people."""
        detail = f" (Landlock ABI {self.abi})" if self.abi else ""
        return f"{self.level}{detail}{': ' if self.reason else ''}{self.reason}"


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
_NO_FILTER = "this system has no filter of system calls for which Docmill has a table"
_NO_LANDLOCK = "this kernel has no Landlock, or does not let this process use it"


def available(mode: Mode | str) -> Confinement:
    """Return what engine processes get.

    Raises:
        UsageError: it is required, and cannot be had.
    """
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
            "Use Linux 5.13 or later with Landlock, on x86_64 or aarch64; or say prefer.",
        )
    return found


def confine(level: Level, profile: Profile, read: Path, write: list[Path]) -> None:
    """Confine this process, which must have one thread, for good.

    Args:
        level: from `available`.
        profile: of the engines that it runs.
        read: the folder of what it is to read.
        write: folders that it may also write to.

    Raises:
        OSError: the kernel refuses: the process must not go on.
    """
    if level is Level.CONFINED:
        rules = [(read, READ), *((folder, WRITE) for folder in write), *_system(profile)]
        landlock.restrict(landlock.abi(), rules)
    found = seccomp.machine()
    if level is not Level.NONE and found is not None:
        seccomp.install(found, programs=profile is Profile.PROGRAMS)


def _system(profile: Profile) -> Iterator[tuple[Path, Access]]:
    """Yield what code of engines and of Python may be read, and what of the system."""
    programs = profile is Profile.PROGRAMS
    of_code = RUN if programs else READ
    yield from ((place, of_code) for place in _code())
    yield from ((Path(place), of_code) for place in _SYSTEM)
    if programs:
        yield from ((Path(place), RUN) for place in _PROGRAMS)
    yield from ((Path(place), READ) for place in (*_DATA, *mimetypes.knownfiles))
    yield Path(os.devnull), Access.READ_FILE | Access.WRITE_FILE


def _code() -> set[Path]:
    """Return where Python looks for modules, and the data of installed packages.

    Of a checkout only the package: beside it may lie results, keys and notes.
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
