"""Fields of a JSON Schema, and derived schemas for parts of a document and for rows."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]

ROWS = "rows"
"""The only field of the schema that `rows_of` returns."""

_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_DEFINITIONS = frozenset({"$defs", "definitions"})
_MAPS = _DEFINITIONS | {"properties", "patternProperties", "dependentSchemas"}
_OF_LISTS = frozenset({"items", "prefixItems", "contains", "unevaluatedItems"})
_OUTSIDE_LISTS = (_LISTS | _MAPS) - _OF_LISTS | {
    "additionalProperties",
    "then",
    "else",
    "unevaluatedProperties",
}
_EVERYWHERE = _OUTSIDE_LISTS | _OF_LISTS
_DEFINED = re.compile(r"^#/(?:\$defs|definitions)/[^/]+$")
_IN_PART = "-in-part"
"""Suffix of a definition in its relaxed form for parts of a document."""
_INCOMPLETE = ("required", "dependentRequired", "minItems", "minProperties", "minContains")
"""Keywords that a part of a document need not satisfy."""


class Shape:
    """Resolves the references and alternatives of a schema to its fields."""

    def __init__(self, schema: Node) -> None:
        """Index a schema that `docmill.parameters.extract_schema.checked_schema` accepts."""
        # Loaded with the first schema: other children start without it.
        from referencing import Registry, Resource  # noqa: PLC0415
        from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

        from docmill.parameters.extract_schema import validator_of  # noqa: PLC0415

        self.root = schema
        own = {key: value for key, value in schema.items() if key != "$id"}
        resource = Resource.from_contents(own, default_specification=DRAFT202012)
        self._resolver = Registry().resolver_with_root(resource)
        self._validator = validator_of(schema)

    def applying(self, node: Any) -> Iterator[Node]:
        """Yield ``node``, its references and its alternatives, all of which may apply."""
        if not isinstance(node, Mapping):
            return
        yield node
        if (reference := node.get("$ref")) is not None:
            yield from self.applying(self._resolver.lookup(reference).contents)
        for key in ("allOf", "anyOf", "oneOf"):
            for part in node.get(key, ()):
                yield from self.applying(part)

    def properties(self, node: Any) -> dict[str, Any]:
        """Return the fields of an object by ``node``, with their schemas."""
        found: dict[str, Any] = {}
        for part in self.applying(node):
            for key, its in part.get("properties", {}).items():
                found.setdefault(key, its)
        return found

    def required(self, node: Any) -> set[str]:
        """Return the required fields of an object by ``node``."""
        return {name for part in self.applying(node) for name in part.get("required", ())}

    def items(self, node: Any) -> Any:
        """Return the schema of the entries of a list by ``node``, or None."""
        return next((part["items"] for part in self.applying(node) if "items" in part), None)

    def types(self, node: Any) -> set[str]:
        """Return the types that ``node`` allows, without ``null``."""
        found: set[str] = set()
        for part in self.applying(node):
            named = part.get("type", ())
            found |= {named} if isinstance(named, str) else set(named)
        return found - {"null"}

    def fits(self, node: Any, value: Any) -> bool:
        """Return whether ``value`` is valid for ``node``."""
        return bool(self._validator.evolve(schema=node).is_valid(value))

    def without_nulls(self, value: Any) -> Any:
        """Remove nulls that the schema does not allow.

        Engines return null for values that a document lacks. An object of such nulls only is
        removed as well, unless it is required.
        """
        return self._cleaned(value, self.root)

    def _cleaned(self, value: Any, node: Any) -> Any:
        if isinstance(value, list):
            items = self.items(node)
            kept = [self._cleaned(one, items) for one in value]
            return [one for one in kept if one is not None or self._takes_null(items)]
        if not isinstance(value, dict):
            return value
        fields, required = self.properties(node), self.required(node)
        found = {}
        for key, given in value.items():
            its = fields.get(key)
            one = self._cleaned(given, its)
            emptied = one == {} != given and key not in required
            if not emptied and (one is not None or self._takes_null(its)):
                found[key] = one
        return found

    def _takes_null(self, node: Any) -> bool:
        return node is None or self.fits(node, None)


def relaxed(schema: Node) -> dict[str, Any]:
    """Return ``schema`` without required fields, for a part of a document.

    The entries of lists keep their requirements, because a row lies within one part.
    """

    def change(node: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in node.items() if key not in _INCOMPLETE}
        if "oneOf" in kept:
            # Without required fields, several alternatives may match.
            kept.setdefault("anyOf", kept["oneOf"])
            del kept["oneOf"]
        if _DEFINED.match(kept.get("$ref", "")):
            kept["$ref"] += _IN_PART
        return kept

    lists = {key: schema[key] for key in _DEFINITIONS if key in schema}
    found = dict(_changed(schema, change, _OUTSIDE_LISTS))
    for key, whole in lists.items():
        found[key] = whole | {name + _IN_PART: part for name, part in found[key].items()}
    return found


def rows_of(schema: Node) -> dict[str, Any]:
    """Return the schema of an object whose field `ROWS` is a list of objects by ``schema``."""
    place = f"#/properties/{ROWS}/items"

    def change(node: dict[str, Any]) -> dict[str, Any]:
        reference = node.get("$ref", "")
        inside = reference == "#" or reference.startswith("#/")
        return {**node, "$ref": place + reference[1:]} if inside else node

    rows = {key: value for key, value in _changed(schema, change).items() if key != "$id"}
    return {"type": "object", "properties": {ROWS: {"type": "array", "items": rows}}}


def _changed(
    node: Any,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    keys: frozenset[str] = _EVERYWHERE,
) -> Any:
    """Return ``node`` with every schema below ``keys`` changed, the inner ones first."""
    if not isinstance(node, Mapping):
        return node
    found = dict(node)
    for key in keys & found.keys():
        inner = found[key]
        if key in _LISTS:
            found[key] = [_changed(one, change, keys) for one in inner]
        elif key in _MAPS:
            found[key] = {name: _changed(one, change, keys) for name, one in inner.items()}
        else:
            found[key] = _changed(inner, change, keys)
    return change(found)
