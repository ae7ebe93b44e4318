"""JSON Schemas of extractions: validation of schemas, and of data against them.

Schemas come from users and run in shared processes. A schema that would read other documents, never
terminate, or take seconds for a short text is rejected or limited before any request is paid for.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from docmill.errors import UsageError, bounded

MAX_CHARACTERS = 200_000
"""Maximum characters of a schema as JSON; a model omits fields of larger ones."""
MAX_NESTING = 64
"""Maximum levels of a schema as JSON: two or three for each level of the result."""
PATTERN_SECONDS = 0.5
"""Time limit for one ``pattern`` on one text; a hostile pattern would run for years."""
_FIELDS = ("properties", "patternProperties", "additionalProperties", "allOf", "anyOf", "oneOf")


def checked_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Validate a schema, and return it with a root of type object.

    A root that is a ``$ref`` into its own ``$defs``, as pydantic writes it for recursive models, is
    replaced by its target.

    Raises:
        UsageError: it is not a JSON Schema of Draft 2020-12, its root is not an object, it is too
            large, or a reference leads outside; the message names the place.
    """
    _check_size(schema)
    try:
        Draft202012Validator.check_schema(schema)
        check_references(schema)
    except SchemaError as error:
        raise _rejected(f"at {place(error)}: {bounded(error.message)}") from None
    except ValueError as error:
        raise _rejected(bounded(str(error))) from None
    return _with_object_root(schema)


def validator_of(schema: Mapping[str, Any]) -> Validator:
    """Return the validator for a schema that `checked_schema` has accepted."""
    return _Bounded(schema)


def first_error(schema: Mapping[str, Any], data: Any) -> str | None:
    """Return a sentence about the first error of ``data``; None if it matches ``schema``."""
    error = best_match(validator_of(schema).iter_errors(data))
    return None if error is None else f"at {place(error)}: {bounded(error.message)}"


def place(error: ValidationError | SchemaError) -> str:
    """Return the path of an error, such as ``items[2].amount``."""
    return error.json_path.removeprefix("$").removeprefix(".") or "the root"


def _check_size(schema: Mapping[str, Any]) -> None:
    level: list[Any] = [schema]
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in _children(node)]
        if not level:
            break
    else:
        raise _rejected(f"it nests deeper than {MAX_NESTING} levels")
    try:
        size = len(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError):
        raise _rejected("it is not JSON") from None
    if size > MAX_CHARACTERS:
        raise _rejected(f"it has {size:,} characters, and {MAX_CHARACTERS:,} are allowed")


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, Mapping):
        yield from node.values()
    elif isinstance(node, list | tuple):
        yield from node


def _with_object_root(schema: Mapping[str, Any]) -> dict[str, Any]:
    root = dict(schema)
    reference = root.get("$ref", "")
    if reference.startswith("#/$defs/"):
        name = reference.removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
        target = root.get("$defs", {}).get(name)
        if isinstance(target, Mapping):
            del root["$ref"]
            root = {**target, **root}
    if "type" not in root and "properties" in root:
        root["type"] = "object"
    if root.get("type") != "object":
        raise _rejected('its root must be {"type": "object", "properties": …}')
    if not any(root.get(key) for key in _FIELDS):
        raise _rejected("it names no field: give it properties")
    return root


def _rejected(reason: str) -> UsageError:
    return UsageError(
        f"The schema cannot be used: {reason}.",
        "Give a JSON Schema (Draft 2020-12) of an object; see docs/how-to/extract.md.",
    )


def _pattern(
    validator: Validator, pattern: str, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(instance, str) or not validator.is_type(schema, "object"):
        return
    try:
        if regex.search(pattern, instance, timeout=PATTERN_SECONDS) is None:
            yield ValidationError(f"{instance!r} does not match {pattern!r}")
    except TimeoutError:
        yield ValidationError(f"the pattern {pattern!r} takes too long")
    except regex.error:
        yield ValidationError(f"the pattern {pattern!r} cannot be read")


_Bounded: Callable[[Mapping[str, Any]], Validator] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern}
)


MAX_APPLIED = 5_000
"""Maximum schemas that apply to one value: nested ``anyOf`` doubles their number at each level."""
_MANY = ("allOf", "anyOf", "oneOf")
_ONE = ("not", "if", "then", "else")
_REFERENCES = ("$ref", "$dynamicRef")


def check_references(schema: Mapping[str, Any]) -> None:
    """Check all references of a schema, including those in referenced parts.

    Raises:
        ValueError: a reference leads to another document, to nothing or back to itself, or too
            many schemas apply to one value.
        SchemaError: the target of a reference is not a schema.
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
        """Yield every schema that is reachable from the root, once."""
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
        """Return the number of schemas that apply to a value of ``node``."""
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
