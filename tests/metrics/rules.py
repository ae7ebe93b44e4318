"""The alert rules, evaluated by Debian's promtool over series that were scraped."""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.code import ROOT
from tests.metrics.scrape import Scrape

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/docmill.json"

CALM_HOURS = 2
FAULT_HOURS = 1

Scrapes = Mapping[str, Scrape]
"""A scrape of each process, by job."""


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool: apt-get install prometheus")
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def rules() -> dict[str, str]:
    """The expression of each alert."""
    document = yaml.safe_load(ALERTS.read_text())
    return {rule["alert"]: rule["expr"] for group in document["groups"] for rule in group["rules"]}


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard that show something."""
    return [one for one in json.loads(DASHBOARD.read_text())["panels"] if one["type"] != "row"]


def panel_expressions() -> list[str]:
    """Every expression of the dashboard, with Grafana's variables filled in."""
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [expression.replace("$__rate_interval", "5m") for expression in found]


def metrics_in(expression: str) -> set[str]:
    """Names of the metrics in an expression: what is no function, keyword, label or string."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:])(?!\s*\()", bare)
    return set(words) - {"and", "or", "unless", "offset", "bool"}


def fired(folder: Path, before: Scrapes, after: Scrapes, later: Scrapes | None = None) -> set[str]:
    """Return the alerts that fire an hour after a fault, and did not fire before it.

    Prometheus's own engine evaluates the unmodified rules. Each series has its value of ``before``
    for two hours, then that of ``after``; a process that could not be scraped has none. With
    ``later``, a scrape some seconds after ``after``, series continue to change at the rate that
    these two show.
    """
    series = _series(before, after, later)
    calm, fault = (f"{hours}h" for hours in (CALM_HOURS, CALM_HOURS + FAULT_HOURS))
    queries = [
        {"expr": _fired_before(alert), "eval_time": time, "exp_samples": []}
        for alert in rules()
        for time in (calm, fault)
    ]
    case = {"interval": "1m", "input_series": series, "promql_expr_test": queries}
    path = folder / "case.yml"
    path.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [case]})
    )
    done = promtool("test", "rules", path)
    output = done.stdout + done.stderr
    # Each query expects no sample: it fails if its alert has fired.
    found = re.findall(r'alertname=\\"(\w+)\\".+ time: (\w+),', output)
    assert bool(found) is bool(done.returncode), output
    assert not [alert for alert, time in found if time == calm], output
    return {alert for alert, time in found if time == fault}


def _fired_before(alert: str) -> str:
    """Return a query for whether an alert fired in the hour before."""
    state = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    return f"max_over_time(({state})[{FAULT_HOURS}h:1m])"


def _series(before: Scrapes, after: Scrapes, later: Scrapes | None) -> list[dict[str, str]]:
    keys: dict[str, None] = {}
    tables = [_table(one) for one in (before, after, later or after)]
    for table in tables:
        keys |= dict.fromkeys(table)
    minutes = max((later[job].at - after[job].at) / 60 for job in later) if later else 1.0
    return [
        {"series": key, "values": _values([table.get(key) for table in tables], minutes)}
        for key in keys
    ]


def _table(scrapes: Scrapes) -> dict[str, float]:
    found = {}
    for job, scrape in scrapes.items():
        for name, labels, value in scrape.samples:
            if name.startswith("docmill_"):
                own = {**labels, "job": job, "instance": job}
                text = ", ".join(f"{label}={json.dumps(it)}" for label, it in own.items())
                found[f"{name}{{{text}}}"] = value
    return found


def _values(scraped: Sequence[float | None], minutes: float) -> str:
    """Return the values of a series by minute, in the notation of promtool."""
    before, after, later = scraped
    first = _absent(60 * CALM_HOURS) if before is None else _constant(before, 60 * CALM_HOURS)
    if after is None or later is None or math.isnan(after) or math.isnan(later):
        gone = "stale " if before is not None else ""
        return f"{first} {gone}{_absent(60 * FAULT_HOURS)}"
    slope = round((later - after) / minutes, 3)
    return f"{first} {after}{slope:+}x{60 * FAULT_HOURS}"


def _constant(value: float, minutes: int) -> str:
    return _absent(minutes) if math.isnan(value) else f"{value}+0x{minutes - 1}"


def _absent(minutes: int) -> str:
    return f"_x{minutes}"


def checked(folder: Path, expressions: Sequence[str]) -> None:
    """Check the syntax of expressions."""
    rule = [{"record": f"check:{n}", "expr": one} for n, one in enumerate(expressions)]
    path = folder / "expressions.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "check", "rules": rule}]}))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
