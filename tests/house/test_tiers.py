"""Every test has one tier, and the unit tier starts nothing."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.fixtures import tiers
from tests.house.code import ROOT


def _use_socket(verb: str) -> None:
    with socket.socket() as used:
        getattr(used, verb)(("127.0.0.1", 0))


REACHES = {
    "command": lambda: subprocess.run([sys.executable, "-V"], check=True),
    "fork": os.fork,
    "server": lambda: _use_socket("bind"),
    "client": lambda: _use_socket("connect"),
}


@pytest.mark.parametrize("reach", REACHES.values(), ids=REACHES)
def test_unit_test_fails_when_it_leaves_its_process(
    reach: Callable[[], object], request: pytest.FixtureRequest
) -> None:
    with pytest.raises(tiers.StartedError, match="a unit test starts no process"):
        reach()
    assert tiers.forget(request.node.nodeid), "a test whose code catches the error would pass"


def test_every_test_has_exactly_one_tier(request: pytest.FixtureRequest) -> None:
    counts = {
        item.nodeid: len({mark.name for mark in item.iter_markers()} & set(tiers.TIERS))
        for item in request.session.items
    }
    assert set(counts.values()) == {1}


def test_every_fixture_with_a_tier_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(
            r"@pytest\.fixture[^\n]*\n(?:async )?def (\w+)", path.read_text(encoding="utf-8")
        )
    }
    assert tiers.FIXTURES.keys() <= defined, tiers.FIXTURES.keys() - defined
