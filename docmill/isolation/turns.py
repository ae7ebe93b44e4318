"""Fair distribution of child processes: projects take turns, each with its tasks in order."""

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count

_REMEMBERED = 1000
"""Projects whose last turn is stored. Others count as never served."""


class Turns:
    """A semaphore whose places go to the waiting project that was served longest ago.

    A project with ten thousand tasks and one with three then wait for one task of each other, not
    for all of them.
    """

    def __init__(self, places: Callable[[], int]) -> None:
        """Create a semaphore.

        Args:
            places: returns the current number of places; called when a place is taken or released.
        """
        self._places = places
        self._taken = 0
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._numbers = count(1)
        self._served: dict[str, int] = {}

    async def take(self, project: str) -> None:
        """Wait for a place for ``project``."""
        if not self._waiting and self._taken < self._places():
            self._serve(project)
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(project, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._give_up(project, place)
            else:  # the place was assigned concurrently
                self.give_back()
            raise

    def give_back(self) -> None:
        """Release a place, and assign free places to the next tasks."""
        self._taken -= 1
        while self._waiting and self._taken < self._places():
            project = min(self._waiting, key=lambda name: self._served.get(name, 0))
            place = self._waiting[project].popleft()
            if not self._waiting[project]:
                del self._waiting[project]
            if not place.done():
                self._serve(project)
                place.set_result(None)

    def _give_up(self, project: str, place: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(project)
        if waiting and place in waiting:
            waiting.remove(place)
            if not waiting:
                del self._waiting[project]

    def _serve(self, project: str) -> None:
        self._taken += 1
        self._served.pop(project, None)
        self._served[project] = next(self._numbers)
        if len(self._served) > _REMEMBERED:
            del self._served[next(iter(self._served))]
