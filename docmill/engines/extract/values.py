"""Conversion of text to values of a schema's type. Ambiguous text yields no value."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

_APART = "'\N{RIGHT SINGLE QUOTATION MARK} \N{NO-BREAK SPACE}"
"""Thousands separators other than comma and point."""
_MINUS = "-\N{MINUS SIGN}"
_NUMBER = re.compile(
    rf"""^(?P<minus>[{_MINUS}(])?\s*(?:[A-Z]{{3}}\s|US|[↑↓+~])?\s*[$€£¥₹]?\s*
        (?P<digits>\d(?:[\d.,{_APART}]*\d)?)
        (?P<scale>[KMB])?\s*(?:%|[$€£¥₹]|\s[A-Z]{{3}})?\s*\)?$""",
    re.VERBOSE,
)
_ENGLISH = re.compile(rf"^(?:\d+|\d{{1,3}}(?:[,{_APART}]\d{{3}})+)(?:\.\d+)?$")
_CONTINENTAL = re.compile(
    rf"^(?:\d+|\d{{1,3}}(?:[.{_APART}]\d{{3}})+),\d+$|^\d{{1,3}}(?:\.\d{{3}}){{2,}}$"
)
_EITHER = re.compile(r"^\d{1,3}\.\d{3}$")
_NO_DIGIT = re.compile(r"[^0-9]")
_SCALES = {None: 1, "K": 10**3, "M": 10**6, "B": 10**9}
_DAY_FIRST = 12
"""A first number above this cannot be a month."""
_NUMERIC_DATE = re.compile(r"^(\d{1,2})([./-])(\d{1,2})\2(\d{4})$")
_ISO_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})(?!\d)")
_WRITTEN_DATES = ("%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y", "%B %d %Y", "%d. %B %Y")
_TRUE = frozenset({"yes", "true", "x", "✓", "☑", "☒"})
_FALSE = frozenset({"no", "false", "☐"})
_MAX_TEXT = 300
"""Characters of a value next to a label. Longer text is a paragraph."""


def value_of(text: str, types: set[str], node: Mapping[str, Any]) -> Any | None:
    """Convert ``text`` to a value that ``node`` describes; None if it is not one.

    Args:
        text: text next to a label, or in a cell.
        types: JSON types that the schema allows; all when empty.
        node: schema of the value.
    """
    text = " ".join(text.split())
    if not text or len(text) > _MAX_TEXT:
        return None
    if "enum" in node:
        return _choice(text, node["enum"])
    for kind, read in _READERS.items():
        if kind in types:
            return read(text)
    if types and "string" not in types:
        return None
    return _FORMATS.get(node.get("format", ""), str)(text)


def number(text: str) -> float | int | None:
    """Return the number in ``text``, which may have a currency, a percent sign or K, M, B.

    ``1.234`` is ambiguous: a thousand in some countries, a fraction in others. It yields None.
    """
    found = _NUMBER.match(text)
    if found is None:
        return None
    plain = _plain_digits(found["digits"])
    if plain is None:
        return None
    scale = _SCALES[found["scale"]]
    amount = round(float(plain) * scale, 6) if "." in plain else int(plain) * scale
    if scale > 1 and _whole(amount):
        amount = int(amount)
    return -amount if found["minus"] else amount


def _plain_digits(digits: str) -> str | None:
    """Return digits with a decimal point and without separators."""
    if _EITHER.match(digits):
        return None
    for form, mark in ((_ENGLISH, "."), (_CONTINENTAL, ",")):
        if form.match(digits):
            whole, point, fraction = digits.partition(mark)
            return _NO_DIGIT.sub("", whole) + ("." + fraction if point else "")
    return None


def _whole(value: float) -> bool:
    return value == int(value)


def _integer(text: str) -> int | None:
    found = number(text)
    return int(found) if found is not None and _whole(found) else None


def _boolean(text: str) -> bool | None:
    word = text.casefold()
    return True if word in _TRUE else False if word in _FALSE else None


def _date(text: str) -> str | None:
    """Return a date as ISO 8601; None if day and month are ambiguous."""
    try:
        if found := _ISO_DATE.match(text):
            return date(*map(int, found.groups())).isoformat()
        if found := _NUMERIC_DATE.match(text):
            first, second, year = int(found[1]), int(found[3]), int(found[4])
            if first == second or max(first, second) > _DAY_FIRST or found[2] == ".":
                day_first = found[2] == "." or first > _DAY_FIRST
                day, month = (first, second) if day_first else (second, first)
                return date(year, month, day).isoformat()
            return None
    except ValueError:
        return None
    return _written_date(text)


def _written_date(text: str) -> str | None:
    for form in _WRITTEN_DATES:
        try:
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 - a date without a time
        except ValueError:
            continue
    return None


def _choice(text: str, options: list[Any]) -> Any | None:
    """Return the only option whose words occur in ``text``."""
    words = f" {_words(text)} "
    texts = [one for one in options if isinstance(one, str) and _words(one)]
    exact = [one for one in texts if _words(one) == words.strip()]
    named = [one for one in texts if f" {_words(one)} " in words]
    found = exact or named
    return found[0] if len(found) == 1 else None


def _email(text: str) -> str | None:
    return text if re.fullmatch(r"\S+@\S+\.\S+", text) else None


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+\+?", text.casefold()))


_FORMATS: Mapping[str, Callable[[str], Any | None]] = {"date": _date, "email": _email}
_READERS: Mapping[str, Callable[[str], Any | None]] = {
    "integer": _integer,
    "number": number,
    "boolean": _boolean,
}
