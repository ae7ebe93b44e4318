"""Survey of third-party engines: loads each once in a separate process.

A package may crash, hang or print during its import. Only its own process is affected, and the
engine is left out with a reason. This module is also the program of that process.
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
from docmill.engines.base import Profile, profile_of
from docmill.engines.registry import parse_suite_version, suite_version
from docmill.errors import bounded
from docmill.isolation import limits
from docmill.isolation.environment import child_environment
from docmill.isolation.pool import BUILTIN_ENGINES

REPAIR_HINT = (
    "Repair or remove its package, or exclude it from DOCMILL_ENGINES_ALLOW and _PREFER; "
    "then restart the worker."
)
EVERY = "*"
"""Allows all installed engines."""

_SECONDS = 60.0
"""Time to import one package on a loaded machine."""


@dataclass(frozen=True, slots=True)
class SoundEngine:
    """A third-party engine that was loaded, as described by its process."""

    name: str
    version: str
    media_types: tuple[str, ...]
    endings: tuple[str, ...] = ()
    """File extensions of formats that Docmill does not know."""
    sandbox: str = Profile.STRICT
    """The profile under which it is confined."""


@dataclass(frozen=True, slots=True)
class EngineSuite:
    """The engines of one worker.

    Attributes:
        engines: argument of `docmill.isolation.pool.EnginePool`.
        version: version of the parse engines; `version_for` is part of cache keys.
        sound: loaded third-party engines.
        broken: reasons for those that were not loaded, by name.
    """

    engines: str = BUILTIN_ENGINES
    version: str = field(default_factory=parse_suite_version)
    sound: tuple[SoundEngine, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def endings(self) -> frozenset[str]:
        """File extensions of formats that only third-party engines read."""
        return frozenset(ending for engine in self.sound for ending in engine.endings)

    def version_for(self, product: str) -> str:
        """Return the version of the engines that run ``product``."""
        return suite_version(product, self.version)


async def chosen_suite(
    allow: tuple[str, ...], prefer: tuple[str, ...], scratch: Path | None = None
) -> EngineSuite:
    """Load every allowed engine in a separate process, and return the resulting suite.

    Args:
        allow: names of entry points; `EVERY` allows all that are installed.
        prefer: engines that override built-in ones, in this order; they are allowed, too.
        scratch: parent of the private folders of the processes; None uses the system's temporary
            folder.
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
    """Return the description by the engine's own process, or the reason of its failure."""
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
        sandbox = Profile(answer["sandbox"])
        return SoundEngine(answer["name"], answer["version"], media_types, endings, sandbox)
    except (IndexError, ValueError, KeyError, AttributeError):
        return f"Loading it ended its process (exit code {done.returncode})."


def _answer(name: str) -> dict[str, object]:
    try:
        engine = third_party.load(name)
    except third_party.InvalidEngineError as error:
        return {"trouble": str(error)}
    except BaseException as error:  # noqa: BLE001 - a package may raise anything or exit
        return {"trouble": f"{type(error).__name__}: {error}"}
    return {
        "name": engine.name,
        "version": engine.version,
        "media_types": sorted(engine.media_types),
        "endings": sorted(getattr(engine, "extensions", {})),
        "sandbox": profile_of(engine),
    }


def main() -> None:
    """Load one engine, and write the answer to the last line of standard output."""
    limits.die_with_parent(int(sys.argv[1]))
    limits.limit_process()
    answer = json.dumps(_answer(sys.argv[2]))
    sys.stdout.flush()
    os.write(1, f"\n{answer}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
