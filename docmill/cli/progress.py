"""Progress of a batch: a live display on a terminal, plain lines elsewhere."""

from time import monotonic
from types import TracebackType
from typing import Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from docmill.cli.console import Console
from docmill.cli.snapshot import Snapshot

PLAIN_SECONDS = 5.0
"""Plain lines come at most this often."""
SHOWN_FILES = 4
_MINUTE, _HOUR = 60, 3600


class Pace:
    """The rate of a batch, from the readings of this command."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self.rate = 0.0

    def see(self, snapshot: Snapshot) -> None:
        """Add one reading of the counts."""
        accounted = snapshot.tally.accounted
        waiting = snapshot.batch.paused or snapshot.batch.started_at is None
        if self._first is None or waiting:
            self._first = (monotonic(), accounted)
            return
        since, before = self._first
        self.rate = (accounted - before) / max(monotonic() - since, 0.001)

    def words(self, snapshot: Snapshot) -> str:
        """Return rate and time left."""
        left = snapshot.batch.total - snapshot.tally.accounted
        if self.rate <= 0 or left <= 0:
            return f"{self.rate:.1f}/s"
        return f"{self.rate:.1f}/s, {duration(left / self.rate)} left"


def duration(seconds: float) -> str:
    """Return a duration as people write it."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


class View(Protocol):
    """Shows snapshots, from entering to leaving its block."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the batch as it is now."""
        ...

    def __enter__(self) -> "View": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def view_for(console: Console) -> View:
    """Return the view that fits where the output goes."""
    return LiveView(console) if console.rich.is_terminal else PlainView(console)


class PlainView:
    """A line when something has changed, for files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace()
        self._last_line = ""
        self._next_at = 0.0

    def __enter__(self) -> "PlainView":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        """Print a line, unless nothing has changed or the last one is recent."""
        self._pace.see(snapshot)
        line = f"{snapshot.state}: {snapshot.counts()}"
        if line == self._last_line or (monotonic() < self._next_at and not snapshot.ended):
            return
        self._last_line = line
        self._next_at = monotonic() + PLAIN_SECONDS
        self._console.print(f"{line}, {self._pace.words(snapshot)}{_now(snapshot)}")


class LiveView:
    """A bar with counts, rate, time left and current files."""

    def __init__(self, console: Console) -> None:
        self._pace = Pace()
        self._live = Live(console=console.rich, auto_refresh=False, transient=True)

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Redraw, once for each reading of the counts."""
        self._pace.see(snapshot)
        self._live.update(_drawing(snapshot, self._pace), refresh=True)


def _drawing(snapshot: Snapshot, pace: Pace) -> RenderableType:
    total = max(snapshot.batch.total, 1)
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(snapshot.state, style="bold"),
        ProgressBar(total=total, completed=snapshot.tally.accounted, width=40),
        Text(f"{snapshot.tally.accounted * 100 // total:3d}%"),
        Text(pace.words(snapshot)),
    )
    return Group(bar, Text(snapshot.counts()), Text(_now(snapshot).lstrip("; "), style="dim"))


def _now(snapshot: Snapshot) -> str:
    names = list(map(str, snapshot.in_flight[:SHOWN_FILES]))
    if not names:
        return ""
    more = len(snapshot.in_flight) - len(names)
    return f"; now {', '.join(names)}{f' and {more} more' if more else ''}"
