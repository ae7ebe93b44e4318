"""Formatting of numbers, durations and names in user interfaces."""

from docmill.contracts.words import SkipReason

SKIPS: dict[str, str] = {
    SkipReason.ALREADY_PROCESSED.value: "unchanged since the last run",
    SkipReason.SIZE_LIMIT_EXCEEDED.value: "larger than the limit (DOCMILL_MAX_FILE_MB)",
}
"""Labels of skip reasons, as the end of “12 files were …”."""

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400


def number(value: int) -> str:
    """Return ``12,345``."""
    return f"{value:,}"


def plural(value: int, noun: str) -> str:
    """Return ``1 file``, ``12,345 files``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return ``80 ms``, ``1.4 s``, ``2 min 13 s``, ``3 h 5 min`` or ``2 d 4 h``."""
    if seconds < 0.9995:  # noqa: PLR2004 - what would round to 1,000 ms
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:  # noqa: PLR2004 - what would round to 10.0 s
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole // _MINUTE, "min", whole % _MINUTE, "s")
    if whole < _DAY:
        return _two(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _two(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def rate(per_second: float, noun: str) -> str:
    """Return ``12 files/s``, or ``3.4 files/min`` for less than one per second."""
    if per_second >= 1:
        return f"{per_second:,.0f} {noun}/s" if per_second >= 10 else f"{per_second:.1f} {noun}/s"  # noqa: PLR2004 - two digits
    return f"{per_second * _MINUTE:.1f} {noun}/min"


def size(count: int) -> str:
    """Return ``512 B``, ``1.4 MB``, ``3.0 GB``, in powers of 1,000."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:  # noqa: PLR2004 - what would round to 1,000
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"  # noqa: PLR2004 - three digits
        value /= 1000
    return f"{value:,.1f} TB"


def percent(part: int, whole: int) -> str:
    """Return a percentage; only an exact share of nothing or everything is 0% or 100%."""
    if part in (0, whole):
        return "100%" if part else "0%"
    share = 100 * part / whole
    if share < 0.1:  # noqa: PLR2004 - one decimal
        return "<0.1%"
    return f"{min(share, 99.9):.1f}%" if share < 1 or share > 99 else f"{share:.0f}%"  # noqa: PLR2004 - near the ends


def visible(name: str) -> str:
    """Return a name with its control and direction characters escaped."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name)


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"
