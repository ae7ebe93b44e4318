"""Delimited text: detection of the delimiter and parsing of the rows."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace

_SAMPLE = 32 * 1024
"""Characters at the beginning that are examined."""
_DELIMITERS = "\t;|,\x1f\x01"
_RARE_DELIMITERS = ":^~"
"""Candidates only if no other delimiter fits, because ordinary text contains them."""
_STATED = re.compile(r"sep=(.)\n", re.I)
"""Excel's first line that states the delimiter."""
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_LEAST_SHARE = 0.25
_LEAST_RARE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class _Layout:
    """A layout of delimited text and how well it fits.

    Attributes:
        delimiter: one character.
        quote: character around fields that contain the delimiter.
        share: share of rows with the most frequent number of fields.
        fields: that number of fields.
    """

    delimiter: str
    quote: str = '"'
    share: float = 0.0
    fields: int = 1


def rows_of(text: str) -> list[list[str]]:
    """Return the rows of delimited text without blank lines."""
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
        return _Layout("\0")  # a single column: text contains no NUL
    best = max(one.share for one in found)
    equal = [one for one in found if one.share == best]
    if len(equal) > 1 and sample.count(",") == len(_DECIMAL_COMMA.findall(sample)):
        equal = [one for one in equal if one.delimiter != ","]  # it may be a decimal comma
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
    """Return the double quote, unless most lines begin with a single quote."""
    lines = sample.splitlines()
    single = sum(1 for line in lines if line.startswith("'"))
    return "'" if single * 2 > len(lines) and f"'{delimiter}'" in sample else '"'


def _read(text: str, layout: _Layout) -> list[list[str]]:
    csv.field_size_limit(max(len(text), csv.field_size_limit()))  # a limit of the whole process
    try:
        return _rows(text, layout, strict=True)
    except csv.Error:
        # quotes inside fields, such as inches, or a quote that is never closed
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
    """Return the share of rows with the most frequent number of fields, and the number of rows."""
    counts = Counter(map(len, rows))
    return max(counts.values(), default=0) / max(len(rows), 1), len(rows)
