"""Strict form of a schema, with which servers constrain the output of a model.

Servers support a small subset of JSON Schema for this: every field is required, objects are
closed, and most validation keywords are unknown. Every value is nullable, since a document may lack
it. The result is validated with the original schema afterwards.
"""

from collections.abc import Mapping
from typing import Any

from docmill.engines.extract.schema import Node, Shape

MAX_NODES = 1_000
"""Nodes of a form. Servers reject larger schemas, or take minutes to compile them."""
MAX_DEPTH = 10
"""Depth of nested objects and lists, as documented by OpenAI."""
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})


class _OpenError(Exception):
    """The schema has a part that no closed form describes."""


def strict_form(schema: Node) -> dict[str, Any] | None:
    """Return the strict form of ``schema``; None if there is none, or if it is too large."""
    try:
        return _StrictForms(Shape(schema)).of(schema, 0)
    except _OpenError:
        return None


class _StrictForms:
    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._nodes = 0

    def of(self, node: Any, depth: int) -> dict[str, Any]:
        self._nodes += 1
        if not isinstance(node, Mapping) or self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise _OpenError
        form = self._form(self._resolved(node), depth)
        if isinstance(description := node.get("description"), str):
            form["description"] = description
        return form

    def _resolved(self, node: Node) -> Node:
        """Return ``node`` with references and an ``allOf`` of one resolved."""
        parts = [part for part in self._shape.applying(node) if part is not node]
        if "$ref" in node or len(node.get("allOf", ())) == 1:
            others = node.keys() - {"$ref", "allOf", "description", "title", "default"}
            if others or not parts:
                raise _OpenError
            return self._resolved(parts[0])
        return node

    def _form(self, node: Node, depth: int) -> dict[str, Any]:
        if "enum" in node or "const" in node:
            return {"enum": list(node.get("enum", [node.get("const")]))}
        for key in ("anyOf", "oneOf"):
            if key in node:
                return {"anyOf": [self.of(one, depth + 1) for one in node[key]]}
        named = node.get("type", "object" if "properties" in node else None)
        if isinstance(named, list):
            return {"anyOf": [self._form({**node, "type": one}, depth) for one in named]}
        if named in _SCALARS:
            return {"type": named}
        if named == "array" and "items" in node:
            return {"type": "array", "items": self.of(node["items"], depth + 1)}
        if named == "object":
            return self._object(node, depth)
        raise _OpenError

    def _object(self, node: Node, depth: int) -> dict[str, Any]:
        extra = node.get("additionalProperties", False)
        if not node.get("properties") or extra or "patternProperties" in node or "allOf" in node:
            raise _OpenError
        fields = {
            name: _nullable(self.of(its, depth + 1)) for name, its in node["properties"].items()
        }
        return closed(fields)


def closed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the form of an object with exactly these fields."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _nullable(form: dict[str, Any]) -> dict[str, Any]:
    """Return ``form`` with null as an additional value; objects and lists have empty ones."""
    said = {"description": form["description"]} if "description" in form else {}
    if "enum" in form:
        values = form["enum"]
        return said | {"enum": values if None in values else [*values, None]}
    if "anyOf" in form:
        null = {"type": "null"}
        parts = form["anyOf"]
        return said | {"anyOf": parts if null in parts else [*parts, null]}
    if form["type"] in _SCALARS - {"null"}:
        return said | {"type": [form["type"], "null"]}
    return form
