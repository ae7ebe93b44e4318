"""Third-party engines: packages that register an engine under the entry point group `GROUP`.

Their code runs in child processes only. The worker reads their names (`found`) and the report of a
child process about them (`docmill.isolation.survey`).
"""

import re
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from docmill.engines.base import Engine, Profile
from docmill.engines.registry import BUILTIN, Registry, registry_of

GROUP = "docmill.engines"
"""Entry points ``name = "module:Class"``. The class without arguments creates an `Engine`."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VERSION = re.compile(r"[\w.+-]{1,60}")
_TAKEN = frozenset(engine.name for engine in BUILTIN)


class InvalidEngineError(Exception):
    """An installed engine does not implement the protocol."""


def found() -> dict[str, EntryPoint]:
    """Return the installed entry points by name, sorted, without loading them."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP))}


def load(name: str) -> Engine:
    """Import the engine ``name``, create it, and check it.

    Raises:
        InvalidEngineError: it is not installed, or does not implement the protocol.
        Exception: any exception of the package's code.
    """
    entry = found().get(name)
    if entry is None:
        raise InvalidEngineError("No installed package registers this engine.")
    engine = entry.load()()
    check(engine)
    if engine.name != name:
        raise InvalidEngineError(f"It is registered as {name}, but its name is {engine.name}.")
    if name in _TAKEN:
        raise InvalidEngineError("A built-in engine has this name.")
    checked: Engine = engine
    return checked


def check(engine: Any) -> None:
    """Check that ``engine`` implements the protocol.

    Raises:
        InvalidEngineError: it does not; the message states the first difference.
    """
    for ok, trouble in (
        (_matches(_NAME, engine, "name"), "name must be one word in lower case"),
        (_matches(_VERSION, engine, "version"), "version must be a short text without spaces"),
        (_words(engine, "media_types"), "media_types must be a frozenset with a media type"),
        (_set(engine, "honours"), "honours must be a frozenset of parameters, or an empty one"),
        (_endings(engine), "extensions must map file endings such as .srt to media_types"),
        (_sandbox(engine), f"sandbox must be one of {', '.join(Profile)}"),
        (callable(getattr(engine, "run", None)), "run must be a method"),
    ):
        if not ok:
            raise InvalidEngineError(f"{type(engine).__name__}: {trouble}.")


def registry(names: str = "", preferred: str = "") -> Registry:
    """Return the registry of a child process: preferred engines, built-in engines, other engines.

    Args:
        names: entry points to load, separated by commas.
        preferred: entry points before the built-in engines, in this order.
    """
    engines = {name: load(name) for name in names.split(",") if name}
    first = [engines.pop(name) for name in preferred.split(",") if name]
    return registry_of((*first, *BUILTIN, *engines.values()))


def registry_of_class(place: str) -> Registry:
    """Return a registry with the single engine ``module:Class``, which need not be installed.

    Raises:
        InvalidEngineError: it does not implement the protocol.
    """
    module, _, name = place.partition(":")
    engine = getattr(import_module(module), name)()
    check(engine)
    return registry_of((engine,))


def _set(engine: Any, attribute: str) -> bool:
    value = getattr(engine, attribute, None)
    return isinstance(value, frozenset) and all(isinstance(word, str) for word in value)


def _words(engine: Any, attribute: str) -> bool:
    return _set(engine, attribute) and any(getattr(engine, attribute))


def _matches(pattern: re.Pattern[str], engine: Any, attribute: str) -> bool:
    value = getattr(engine, attribute, None)
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _sandbox(engine: Any) -> bool:
    return getattr(engine, "sandbox", Profile.STRICT) in tuple(Profile)


def _endings(engine: Any) -> bool:
    endings = getattr(engine, "extensions", {})
    return isinstance(endings, dict) and all(
        isinstance(ending, str)
        and ending.startswith(".")
        and ending == ending.lower()
        and media_type in engine.media_types
        for ending, media_type in endings.items()
    )
