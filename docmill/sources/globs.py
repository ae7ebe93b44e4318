"""Glob patterns for relative paths, in the syntax of ``.gitignore``."""

import re
from collections.abc import Iterable


class Globs:
    """A set of patterns; matching ignores case, because cameras and scanners write ``.PDF``.

    A pattern without a slash matches a name at any depth (``*.pdf``, ``drafts``); one with a
    slash matches the whole relative path (``2024/*.pdf``). ``*`` and ``?`` match within a name,
    ``**`` matches across folders, ``[abc]`` matches one of its characters. A trailing slash is
    ignored.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        names: list[str] = []
        paths: list[str] = []
        for pattern in patterns:
            plain = pattern.strip().removeprefix("./").strip("/")
            (paths if "/" in plain else names).append(_translate(plain))
        self._names = _any_of(names)
        self._paths = _any_of(paths)

    def matches(self, path: str) -> bool:
        """Whether a pattern matches ``path``, whose parts are joined by slashes."""
        return any(
            pattern is not None and pattern.fullmatch(text) is not None
            for pattern, text in ((self._names, path.rpartition("/")[2]), (self._paths, path))
        )


def _any_of(expressions: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(expressions), re.IGNORECASE | re.DOTALL) if expressions else None


_TOKEN = re.compile(r"(\*\*/)|(\*\*)|(\*)|(\?)|\[([!^]?)([^\]]+)\]", re.DOTALL)


def _translate(pattern: str) -> str:
    """Return the regular expression of one pattern."""
    parts, end = [], 0
    for token in _TOKEN.finditer(pattern):
        parts.append(re.escape(pattern[end : token.start()]))
        end = token.end()
        deep, any_path, any_name, one, negation, characters = token.groups()
        if deep:
            parts.append("(?:[^/]+/)*")
        elif any_path:
            parts.append(".*")
        elif any_name:
            parts.append("[^/]*")
        elif one:
            parts.append("[^/]")
        else:
            parts.append(f"[{'^/' if negation else ''}{_characters(characters)}]")
    return "".join(parts) + re.escape(pattern[end:])


def _characters(text: str) -> str:
    """Escape the special characters of a character class; ranges such as ``a-z`` still work."""
    return re.sub(r"([\\\[\]&~|^])", r"\\\1", text)
