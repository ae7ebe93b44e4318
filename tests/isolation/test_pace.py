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

    run(pace, clock, 0.05)

    assert pace.ahead() == 2


def test_nothing_is_prepared_ahead_after_long_tasks() -> None:
    clock = Clock()
    pace = Pace(2, clock)
    for seconds in (0.05, 10, 0.05):
        run(pace, clock, seconds)
    assert pace.ahead() == 0

    for _ in range(20):
        run(pace, clock, 0.05)

    assert pace.ahead() == 2


def test_nothing_is_prepared_ahead_while_a_task_takes_long() -> None:
    clock = Clock()
    pace = Pace(2, clock)
    run(pace, clock, 0.05)
    with ExitStack() as stack:
        stack.enter_context(pace.task())
        clock.now += SHORT_SECONDS / 2
        stack.enter_context(pace.task())
        assert pace.ahead() == 2

        clock.now += SHORT_SECONDS

        assert pace.ahead() == 0


def test_shorter_tasks_are_prepared_further_ahead_up_to_a_limit() -> None:
    ahead = []
    for seconds in (0.03, 0.015, 0.01, 0.0001):
        clock = Clock()
        pace = Pace(2, clock)
        run(pace, clock, seconds)
        ahead.append(pace.ahead())

    assert ahead == [2, 4, 6, 8]
