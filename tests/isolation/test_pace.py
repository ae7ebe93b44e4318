"""The number of tasks that are prepared ahead."""

from contextlib import ExitStack

from docmill.isolation.pace import SHORT_SECONDS, Pace


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(pace: Pace, clock: Clock, seconds: float) -> None:
    """A task that takes so long."""
    with pace.task():
        clock.now += seconds


def test_nothing_is_prepared_ahead_before_a_task_was_measured() -> None:
    clock = Clock()
    pace = Pace(2, clock)
    assert pace.ahead() == 0

    run(pace, clock, 0.01)

    assert pace.ahead() == 2


def test_nothing_is_prepared_ahead_after_long_tasks() -> None:
    clock = Clock()
    pace = Pace(2, clock)
    for seconds in (0.01, 10, 0.01):
        run(pace, clock, seconds)
    assert pace.ahead() == 0

    for _ in range(20):
        run(pace, clock, 0.01)

    assert pace.ahead() == 2


def test_nothing_is_prepared_ahead_while_a_task_takes_long() -> None:
    clock = Clock()
    pace = Pace(2, clock)
    run(pace, clock, 0.01)
    with ExitStack() as stack:
        stack.enter_context(pace.task())
        clock.now += SHORT_SECONDS / 2
        stack.enter_context(pace.task())
        assert pace.ahead() == 2

        clock.now += SHORT_SECONDS

        assert pace.ahead() == 0
