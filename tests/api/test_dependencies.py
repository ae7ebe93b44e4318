"""Dependencies of the request handlers."""

from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from docmill.api.app import OPEN_ROUTERS, ROUTERS


def _calls(dependant: Dependant) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def test_no_dependency_needs_a_thread() -> None:
    """The framework runs functions that are not coroutines in a thread, for every request."""
    routes = [r for router in (*OPEN_ROUTERS, *ROUTERS) for r in router.routes]
    calls = {call for r in routes if isinstance(r, APIRoute) for call in _calls(r.dependant)}
    assert len(calls) > 5
    in_threads = {
        call
        for call in calls
        if not iscoroutinefunction(call) and not iscoroutinefunction(type(call).__call__)
    }
    assert in_threads == set()
