"""Engines from outside: what other packages registered under the entry point group `GROUP`.

Their code runs in child processes only; the worker knows their names (`found`) and what a child
said of them (`docmill.isolation.survey`).
"""

import re
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from docmill.engines.base import Engine
from docmill.engines.registry import BUILTIN, Registry, registry_of

GROUP = "docmill.engines"
"""``name = "module:Class"`` below it: what is called without arguments and gives an `Engine`."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_VERSION = re.compile(r"[\w.+-]{1,60}")
_TAKEN = frozenset(engine.name for engine in BUILTIN)


class UnsoundEngineError(Exception):
    """A package's engine does not keep the protocol; the message says where."""


def found() -> dict[str, EntryPoint]:
    """Return what is installed here, by name, sorted; nothing of it is loaded."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP))}


def load(name: str) -> Engine:
    """Import the engine ``name``, make it, and look whether it keeps the protocol.

    Raises:
        UnsoundEngineError: it is not installed, or not what the protocol says.
        Exception: whatever the package's own code raises.
    """
    entry = found().get(name)
    if entry is None:
        raise UnsoundEngineError("No installed package registers it.")
    engine = entry.load()()
    check(engine)
    if engine.name != name:
        raise UnsoundEngineError(f"It is registered as {name}, but calls itself {engine.name}.")
    if name in _TAKEN:
        raise UnsoundEngineError("A built-in engine has this name.")
    checked: Engine = engine
    return checked


def check(engine: Any) -> None:
    """Look whether ``engine`` has what the protocol asks for, of the right kind.

    Raises:
        UnsoundEngineError: it has not; the message says what.
    """
    for ok, trouble in (
        (_matches(_NAME, engine, "name"), "name must be one word in lower case"),
        (_matches(_VERSION, engine, "version"), "version must be a short text without spaces"),
        (_words(engine, "media_types"), "media_types must be a frozenset with a media type"),
        (_set(engine, "honours"), "honours must be a frozenset of parameters, or an empty one"),
        (_endings(engine), "extensions must map file endings such as .srt to media_types"),
        (callable(getattr(engine, "run", None)), "run must be a method"),
    ):
        if not ok:
            raise UnsoundEngineError(f"{type(engine).__name__}: {trouble}.")


def registry(names: str = "", preferred: str = "") -> Registry:
    """Return the registry of a child process: preferred, built-in, then the other engines.

    Args:
        names: entry points to load, separated by commas.
        preferred: those of them that come before the built-in ones, in this order.
    """
    engines = {name: load(name) for name in names.split(",") if name}
    first = [engines.pop(name) for name in preferred.split(",") if name]
    return registry_of((*first, *BUILTIN, *engines.values()))


def only(place: str) -> Registry:
    """Return a registry of one engine, installed or not: ``module:Class``.

    Raises:
        UnsoundEngineError: it does not keep the protocol.
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


def _endings(engine: Any) -> bool:
    endings = getattr(engine, "extensions", {})
    return isinstance(endings, dict) and all(
        isinstance(ending, str)
        and ending.startswith(".")
        and ending == ending.lower()
        and media_type in engine.media_types
        for ending, media_type in endings.items()
    )
