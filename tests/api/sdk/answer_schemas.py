"""Print the schema that the installed official client expects of each answer, by operation.

Run in an environment of the client: ``python answer_schemas.py < PATHS``, where PATHS is a JSON
list of ``METHOD /path/{id}``. The client's own code says which type an operation's answer has.
Descriptions, titles and defaults are left out: what is compared are fields, types and bounds.
"""

import ast
import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import llama_cloud
from pydantic import TypeAdapter

ROOT = Path(llama_cloud.__file__).parent
VERBS = {"_get": "GET", "_post": "POST", "_put": "PUT", "_patch": "PATCH", "_delete": "DELETE"}
PROSE = {"title", "description", "default", "examples"}


def operations() -> dict[str, tuple[str, str, bool]]:
    """Module, type and whether it is a list's, by operation."""
    found = {}
    for path in sorted((ROOT / "resources").rglob("*.py")):
        module = ".".join(("llama_cloud", *path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                operation = operation_of(node, node.func.attr)
                if operation:
                    found[operation[0]] = (module, *operation[1:])
    return found


def operation_of(call: ast.Call, verb: str) -> tuple[str, str, bool] | None:
    """One call of the client's transport, if it is one."""
    keywords = {word.arg: word.value for word in call.keywords}
    listed = verb == "_get_api_list"
    kind = keywords.get("model" if listed else "cast_to")
    if (verb not in VERBS and not listed) or kind is None:
        return None
    template = call.args[0]
    if isinstance(template, ast.Call):
        template = template.args[0]
    if not isinstance(template, ast.Constant):
        return None
    method = "GET" if listed else VERBS[verb]
    method_word = keywords.get("method")
    if listed and isinstance(method_word, ast.Constant):
        method = str(method_word.value).upper()
    return f"{method} {template.value}", ast.unparse(kind), listed


def plain(schema: Any) -> Any:
    """The schema without its prose."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            kept[key] = {name: plain(inner) for name, inner in value.items()}
        elif key not in PROSE:
            kept[key] = plain(value)
    return kept


def schema_of(module: str, name: str, listed: bool) -> Any:
    """The schema of one answer."""
    loaded = importlib.import_module(module)
    kind = eval(name, {**vars(loaded)})
    schema = plain(TypeAdapter(kind).json_schema())
    if not listed:
        return schema
    defs = schema.pop("$defs", {})
    page = {"type": "object", "required": ["items"]}
    page["properties"] = {"items": {"type": "array", "items": schema}}
    return page | ({"$defs": defs} if defs else {})


def main() -> None:
    """Answer on standard output."""
    wanted = {anonymous(one): one for one in json.load(sys.stdin)}
    answer = {}
    for operation, (module, name, listed) in operations().items():
        if anonymous(operation) in wanted and name not in ("NoneType", "object"):
            answer[wanted[anonymous(operation)]] = schema_of(module, name, listed)
    json.dump(answer, sys.stdout, sort_keys=True)


def anonymous(operation: str) -> str:
    """The operation whatever its path's parameters are called."""
    return re.sub(r"\{\w+\}", "{}", operation)


if __name__ == "__main__":
    main()
