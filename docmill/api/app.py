"""The application: middleware, error shapes, routers, and what lives as long as the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from docmill.api.errors import ERROR_RESPONSES, add_error_handlers
from docmill.api.guards import AnsweredErrors, LoopbackOnly, NoNulInAddress, TooLargeAsJson
from docmill.api.received import note_received
from docmill.api.routes import all_routers
from docmill.api.services import Services, open_services
from docmill.settings import MIB, Settings

MAX_BODY_BYTES = 16 * MIB
"""Of every body that is not an upload: 300,000 item ids fit."""


class State(TypedDict):
    """What every request carries."""

    services: Services


class _Application(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Wrap what the framework puts before all other middleware: limits of bodies, its 500."""
        return AnsweredErrors(TooLargeAsJson(super().build_middleware_stack()))


def create_app(settings: Settings) -> FastAPI:
    """Return the API over ``settings``; it opens its services when a server starts it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        async with open_services(settings) as services:
            yield {"services": services}

    app = _Application(
        title="Docmill",
        summary="Durable batch document processing; speaks LlamaCloud's batch API.",
        version="0.1.0",
        lifespan=lifespan,
        max_body_size=MAX_BODY_BYTES,
        # The clients send no Content-Type with an empty body, and curl sends another one.
        strict_content_type=False,
    )
    app.add_middleware(NoNulInAddress)
    app.add_middleware(LoopbackOnly, public_url=settings.public_url)
    add_error_handlers(app)
    for router in all_routers():
        app.include_router(router, responses=ERROR_RESPONSES, dependencies=[Depends(note_received)])
    return app
