"""Which third-party engines a worker has: each is loaded once in a process of its own.

A package may crash, hang or print while it is imported: only its own process suffers, and the
engine is left out with the reason. Run as a program, this module is that process.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from docmill.engines import third_party
from docmill.engines.registry import parse_suite_version, suite_version
from docmill.errors import bounded
from docmill.isolation import limits
from docmill.isolation.environment import child_environment
from docmill.isolation.pool import BUILTIN_ENGINES

MEND_ENGINE = (
    "Mend or remove its package, or leave it out of DOCMILL_ENGINES_ALLOW and _PREFER; "
    "then start the worker again."
)
EVERY = "*"
"""Allows whatever is installed."""

_SECONDS = 60.0
"""For one package to be imported on a loaded machine."""


@dataclass(frozen=True, slots=True)
class SoundEngine:
    """A third-party engine that could be loaded, in its own words."""

    name: str
    version: str
    media_types: tuple[str, ...]
    endings: tuple[str, ...] = ()
    """Endings of file names by which it reads formats that Docmill does not know."""


@dataclass(frozen=True, slots=True)
class EngineSuite:
    """The engines of one worker.

    Attributes:
        engines: what `docmill.isolation.pool.EnginePool` is given.
        version: identity of its parse engines; `version_for` is part of results' cache keys.
        sound: the third-party engines that are loaded.
        broken: why others are not, by name.
    """

    engines: str = BUILTIN_ENGINES
    version: str = field(default_factory=parse_suite_version)
    sound: tuple[SoundEngine, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def endings(self) -> frozenset[str]:
        """Endings of file names by which third-party engines read what Docmill does not know."""
        return frozenset(ending for engine in self.sound for ending in engine.endings)

    def version_for(self, product: str) -> str:
        """Return the identity of the engines that run ``product``."""
        return suite_version(product, self.version)


async def chosen_suite(
    allow: tuple[str, ...], prefer: tuple[str, ...], scratch: Path | None = None
) -> EngineSuite:
    """Load every engine that is allowed, each in a process of its own, and say what came of it.

    Args:
        allow: names of entry points; `EVERY` stands for all that are installed.
        prefer: those that win over built-in engines, in this order; preferring allows.
        scratch: where their processes' private folders are made; None is the system's place.
    """
    names = dict.fromkeys((*prefer, *(name for name in allow if name != EVERY)))
    if EVERY in allow:
        names |= dict.fromkeys(third_party.found())
    sound: dict[str, SoundEngine] = {}
    broken: dict[str, str] = {}
    for name in sorted(names):
        answer = await asyncio.to_thread(_ask, name, scratch)
        if isinstance(answer, SoundEngine):
            sound[name] = answer
        else:
            broken[name] = answer
    if not sound:
        return EngineSuite(broken=broken)
    first = ",".join(dict.fromkeys(name for name in prefer if name in sound))
    versions = "+".join(f"{engine.name}-{engine.version}" for engine in sound.values())
    return EngineSuite(
        engines=f"{third_party.registry.__module__}:registry {','.join(sound)} {first}",
        version=f"{parse_suite_version()}+outside-{versions}+first-{first or 'none'}",
        sound=tuple(sound.values()),
        broken=broken,
    )


def _ask(name: str, scratch: Path | None) -> SoundEngine | str:
    """Return what the engine's own process says of it, or why it said nothing."""
    with tempfile.TemporaryDirectory(prefix="docmill-engine-", dir=scratch) as folder:
        try:
            done = subprocess.run(  # noqa: S603 - our own program, and no shell
                [sys.executable, "-P", "-m", __name__, str(os.getpid()), name],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=child_environment(folder),
                cwd=folder,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"Loading it took longer than {_SECONDS:g} seconds."
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        if trouble := answer.get("trouble"):
            return bounded(trouble)
        media_types, endings = tuple(answer["media_types"]), tuple(answer["endings"])
        return SoundEngine(answer["name"], answer["version"], media_types, endings)
    except (IndexError, ValueError, KeyError, AttributeError):
        return f"Loading it ended its process (exit code {done.returncode})."


def _answer(name: str) -> dict[str, object]:
    try:
        engine = third_party.load(name)
    except third_party.InvalidEngineError as error:
        return {"trouble": str(error)}
    except BaseException as error:  # noqa: BLE001 - a package may raise anything, or exit
        return {"trouble": f"{type(error).__name__}: {error}"}
    return {
        "name": engine.name,
        "version": engine.version,
        "media_types": sorted(engine.media_types),
        "endings": sorted(getattr(engine, "extensions", {})),
    }


def main() -> None:
    """Load one engine and answer on the last line of standard output."""
    limits.die_with_parent(int(sys.argv[1]))
    limits.limit_process()
    answer = json.dumps(_answer(sys.argv[2]))
    sys.stdout.flush()
    os.write(1, f"\n{answer}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
