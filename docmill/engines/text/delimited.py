"""Rows of delimited text: the delimiter that gives most rows the same number of fields."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace

_SAMPLE = 32 * 1024
"""Characters at the beginning that decide."""
_DELIMITERS = "\t;|,\x1f\x01"
_RARE_DELIMITERS = ":^~"
"""Considered only where none of the others fits: ordinary text has them as well."""
_STATED = re.compile(r"sep=(.)\n", re.I)
"""Excel's first line of a file that says its delimiter."""
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LEAST_SHARE = 0.25
_LEAST_RARE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class _Layout:
    """A way to read a text as rows.

    Attributes:
        delimiter: one character.
        quote: what fields with the delimiter in them stand in.
        share: of rows that have the most frequent number of fields.
        fields: that number.
    """

    delimiter: str
    quote: str = '"'
    share: float = 0.0
    fields: int = 1


def rows_of(text: str) -> list[list[str]]:
    """Return the rows of delimited text with line feeds; blank lines are left out."""
    if stated := _STATED.match(text):
        return _read(text[stated.end() :], _Layout(stated[1]))
    return _read(text, _layout(text))


def _layout(text: str) -> _Layout:
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    found = _fitting(sample, _DELIMITERS, _LEAST_SHARE)
    found = found or _fitting(sample, _RARE_DELIMITERS, _LEAST_RARE_SHARE)
    if not found:
        return _Layout("\0")  # one column: text has no such character
    best = max(one.share for one in found)
    equal = [one for one in found if one.share == best]
    if len(equal) > 1 and sample.count(",") == len(_DECIMAL_COMMA.findall(sample)):
        equal = [one for one in equal if one.delimiter != ","]  # a decimal sign
    return max(equal, key=lambda one: one.fields)


def _fitting(sample: str, delimiters: str, least: float) -> list[_Layout]:
    found = [_measured(sample, delimiter) for delimiter in delimiters if delimiter in sample]
    return [one for one in found if one.fields > 1 and one.share >= least]


def _measured(sample: str, delimiter: str) -> _Layout:
    layout = _Layout(delimiter, _quote(sample, delimiter))
    counts = Counter(map(len, _read(sample, layout)))
    # titles and notes around a table are rows of one field
    rows = [(often, fields) for fields, often in counts.items() if fields > 1]
    often, fields = max(rows, default=(0, 1))
    return replace(layout, share=often / max(counts.total(), 1), fields=fields)


def _quote(sample: str, delimiter: str) -> str:
    """The double quote, unless most lines begin with a single one."""
    lines = sample.splitlines()
    single = sum(1 for line in lines if line.startswith("'"))
    return "'" if single * 2 > len(lines) and f"'{delimiter}'" in sample else '"'


def _read(text: str, layout: _Layout) -> list[list[str]]:
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # of the whole process
    try:
        return _rows(text, layout, strict=True)
    except csv.Error:
        # quotes that are no marks around fields: of inches, or never closed
        readings = [_rows(text, layout, strict=False), _rows(text, layout, quoted=False)]
        return max(readings, key=_evenness)


def _rows(
    text: str, layout: _Layout, *, strict: bool = False, quoted: bool = True
) -> list[list[str]]:
    reader = csv.reader(
        io.StringIO(text, newline="\n"),
        delimiter=layout.delimiter,
        quotechar=layout.quote,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        skipinitialspace=layout.delimiter != "\t",
        strict=strict,
    )
    return [row for row in reader if row]


def _evenness(rows: list[list[str]]) -> tuple[float, int]:
    """Share of rows that have the most frequent number of fields, and how many rows there are."""
    counts = Counter(map(len, rows))
    return max(counts.values(), default=0) / max(len(rows), 1), len(rows)
