"""YAML as users write it for parameters: the values of JSON, and everything else is text.

YAML 1.1 reads ``2026-06-15`` as a date and ``no`` as False. The parameters know neither dates nor
such booleans: a version and the code of a language are text.
"""

import re
from typing import Any

import yaml


class _PlainLoader(yaml.SafeLoader):
    """Resolves plain scalars as JSON does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as the base class spells it

    def construct_document(self, node: yaml.Node) -> Any:
        """Build inner values first, so that one that holds itself is refused."""
        self.deep_construct = True
        return super().construct_document(node)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", list("-0123456789")),
):
    _PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first
    )


def load_yaml(text: str) -> Any:
    """Return the value of ``text``, which is JSON or YAML.

    Raises:
        yaml.YAMLError: it is neither, or a value holds itself.
    """
    return yaml.load(text, _PlainLoader)  # noqa: S506 - a SafeLoader with fewer resolvers
