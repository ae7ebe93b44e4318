"""References inside a schema: only into itself, to something, and never in circles."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

MAX_APPLIED = 5_000
"""Schemas that apply to one value at once: ``anyOf`` of ``anyOf`` of … doubles with each level."""
_MANY = ("allOf", "anyOf", "oneOf")
_ONE = ("not", "if", "then", "else")
_REFERENCES = ("$ref", "$dynamicRef")


def check_references(schema: Mapping[str, Any]) -> None:
    """Check every reference of a schema, also of the parts that are only referred to.

    Raises:
        ValueError: one leads elsewhere, nowhere or back to where it began, or too many schemas
            apply to one value.
        SchemaError: what one leads to is no schema.
    """
    references = _References(schema)
    for node in references.nodes():
        references.applied(node)


class _References:
    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema
        own = {key: value for key, value in schema.items() if key != "$id"}
        resource = Resource.from_contents(own, default_specification=DRAFT202012)
        self._resolver = Registry().resolver_with_root(resource)
        self._applied: dict[int, int | None] = {}

    def nodes(self) -> Iterator[Mapping[str, Any]]:
        """Yield every schema that can be reached from the root, once."""
        waiting: list[Any] = [self._root]
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if not isinstance(node, Mapping) or id(node) in seen:
                continue
            seen.add(id(node))
            if "$id" in node and node is not self._root:
                raise ValueError("only its root may have an $id")
            targets = list(self._targets(node))
            for target in targets:
                Draft202012Validator.check_schema(target)
            yield node
            waiting.extend(targets)
            waiting.extend(DRAFT202012.subresources_of(node))

    def applied(self, node: Any) -> int:
        """Return how many schemas apply to a value that ``node`` applies to."""
        if not isinstance(node, Mapping):
            return 1
        known = self._applied.get(id(node), 0)
        if known is None:
            raise ValueError("a $ref in it leads back to itself without a field in between")
        if known:
            return known
        self._applied[id(node)] = None
        count = 1 + sum(self.applied(part) for part in self._in_place(node))
        if count > MAX_APPLIED:
            raise ValueError("too many of its parts apply to one value")
        self._applied[id(node)] = count
        return count

    def _in_place(self, node: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the schemas that apply to the same value as ``node``."""
        for key in _MANY:
            yield from node.get(key, ())
        yield from (node[key] for key in _ONE if key in node)
        yield from node.get("dependentSchemas", {}).values()
        yield from self._targets(node)

    def _targets(self, node: Mapping[str, Any]) -> Iterator[Any]:
        for key in _REFERENCES:
            reference = node.get(key)
            if reference is None:
                continue
            if not reference.startswith("#"):
                raise ValueError(f"the $ref {reference!r} leads to another document")
            try:
                yield self._resolver.lookup(reference).contents
            except Unresolvable:
                raise ValueError(f"the $ref {reference!r} leads nowhere") from None
