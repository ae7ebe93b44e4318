"""The requested level of the sandbox, and the report where the system supports less."""

import pytest

from docmill.errors import UsageError
from docmill.isolation.sandbox import bubblewrap, confinement, landlock, seccomp
from docmill.isolation.sandbox.confinement import Level, Mode, available


def test_sandbox_uses_the_highest_level_when_the_kernel_has_landlock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 7)
    monkeypatch.setattr(seccomp, "machine", lambda: seccomp.MACHINES["aarch64"])

    for mode in (Mode.REQUIRE, Mode.PREFER):
        assert str(available(mode)) == "landlock+seccomp (Landlock ABI 7)"


@pytest.mark.parametrize(
    ("machine", "level", "reason"),
    [
        (seccomp.MACHINES["x86_64"], Level.FILTERED, "no Landlock"),
        (None, Level.NONE, "no filter"),
    ],
)
def test_sandbox_is_rejected_or_lower_when_the_system_supports_less(
    monkeypatch: pytest.MonkeyPatch,
    machine: seccomp.Machine | None,
    level: Level,
    reason: str,
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    monkeypatch.setattr(seccomp, "machine", lambda: machine)

    found = available(Mode.PREFER)
    assert found.level is level
    assert reason in found.reason
    with pytest.raises(UsageError, match="DOCMILL_SANDBOX=require") as refused:
        available(Mode.REQUIRE)
    assert reason in refused.value.message


def test_bubblewrap_is_added_where_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "trouble", lambda: "")

    assert available(Mode.PREFER, bubblewrap=True).bubblewrap
    assert "+bubblewrap" in str(available(Mode.PREFER, bubblewrap=True))
    assert not available(Mode.PREFER).bubblewrap
    assert not available(Mode.OFF, bubblewrap=True).bubblewrap


def test_bubblewrap_that_does_not_start_is_named_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 7)
    monkeypatch.setattr(seccomp, "machine", lambda: seccomp.MACHINES["x86_64"])
    monkeypatch.setattr(bubblewrap, "NAME", "no-such-program")

    found = available(Mode.PREFER, bubblewrap=True)
    assert (found.level, found.bubblewrap) == (Level.CONFINED, False)
    assert "not installed" in found.reason
    with pytest.raises(UsageError, match="DOCMILL_SANDBOX_BUBBLEWRAP"):
        available(Mode.REQUIRE, bubblewrap=True)


def test_sandbox_reports_that_it_is_disabled() -> None:
    assert str(available(Mode.OFF)) == "none: switched off by DOCMILL_SANDBOX=off"
