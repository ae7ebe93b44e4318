"""Merge of the results for the parts of one document, in page order."""

import json
from collections.abc import Iterable
from typing import Any

from docmill.engines.extract.base import Found

MAX_CONFLICTS = 20
"""Conflicts that warnings name one by one. The others are counted."""
_SHOWN = 60


def merge(parts: Iterable[Found]) -> Found:
    """Merge the results for consecutive parts.

    Objects are merged field by field. Lists are concatenated without duplicates. Of single values
    the one with the higher confidence wins, otherwise the first; a difference is a warning.
    """
    merging = _Merge()
    data: Any = None
    metadata: Any = None
    warnings: list[str] = []
    for part in parts:
        data, metadata = merging.both(data, metadata, part.data, part.metadata, "")
        warnings += part.warnings
    return Found({} if data is None else data, metadata, (*warnings, *merging.warnings))


class _Merge:
    def __init__(self) -> None:
        self._conflicts: list[str] = []

    @property
    def warnings(self) -> list[str]:
        more = len(self._conflicts) - MAX_CONFLICTS
        return self._conflicts[:MAX_CONFLICTS] + (
            [f"{more} more values differ between parts of the document."] if more > 0 else []
        )

    def both(self, a: Any, a_known: Any, b: Any, b_known: Any, path: str) -> tuple[Any, Any]:
        """Merge two values with their metadata. ``a`` precedes ``b`` in the document."""
        if b is None or a is None:
            return (a, a_known) if b is None else (b, b_known)
        if isinstance(a, dict) and isinstance(b, dict):
            return self._objects(a, a_known, b, b_known, path)
        if isinstance(a, list) and isinstance(b, list):
            return _lists(a, a_known, b, b_known)
        return self._values(a, a_known, b, b_known, path)

    def _objects(
        self, a: dict[str, Any], a_known: Any, b: dict[str, Any], b_known: Any, path: str
    ) -> tuple[Any, Any]:
        data, known = {}, {}
        for key in [*a, *(key for key in b if key not in a)]:
            data[key], known[key] = self.both(
                a.get(key),
                _of(a_known, key),
                b.get(key),
                _of(b_known, key),
                f"{path}.{key}" if path else key,
            )
        return data, (known if a_known is not None or b_known is not None else None)

    def _values(self, a: Any, a_known: Any, b: Any, b_known: Any, path: str) -> tuple[Any, Any]:
        surer = _confidence(b_known) > _confidence(a_known)
        if not _same(a, b):
            kept, other = (b, a) if surer else (a, b)
            self._conflicts.append(
                f"{path} differs between parts of the document: {_short(kept)} was used, "
                f"not {_short(other)}."
            )
        return (b, b_known) if surer else (a, a_known)


def _lists(a: list[Any], a_known: Any, b: list[Any], b_known: Any) -> tuple[Any, Any]:
    seen = {_canonical(one) for one in a}
    new = [n for n, one in enumerate(b) if _canonical(one) not in seen]
    data = a + [b[n] for n in new]
    if a_known is None and b_known is None:
        return data, None
    known = [_of(a_known, n) for n in range(len(a))] + [_of(b_known, n) for n in new]
    return data, known


def _of(known: Any, key: Any) -> Any:
    try:
        return known[key]
    except (KeyError, IndexError, TypeError):
        return None


def _confidence(known: Any) -> float:
    found = _of(known, "confidence")
    return found if isinstance(found, float | int) else 0.0


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _same(a: Any, b: Any) -> bool:
    return _canonical(a) == _canonical(b)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
