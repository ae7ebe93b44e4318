"""The FastAPI application: middleware, error handlers, routers, and the server's services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TypedDict

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from docmill.api.batches.control import router as batch_control
from docmill.api.batches.routes import router as batches
from docmill.api.beta_batch.routes import router as beta_batch
from docmill.api.classify.routes import router as classify
from docmill.api.configurations.routes import router as configurations
from docmill.api.core.access import AccessMiddleware
from docmill.api.core.errors import ERROR_RESPONSES, add_error_handlers
from docmill.api.core.health import router as health
from docmill.api.core.idempotency import note_received
from docmill.api.core.metrics import ApiMetrics, MetricsMiddleware
from docmill.api.core.middleware import (
    AnsweredErrorMiddleware,
    HeaderSizeMiddleware,
    JsonTooLargeMiddleware,
    NulMiddleware,
    SecurityHeadersMiddleware,
)
from docmill.api.core.projects import router as projects
from docmill.api.core.services import Services, open_services
from docmill.api.directories.files import router as directory_files
from docmill.api.directories.routes import router as directories
from docmill.api.directories.sources import router as sources
from docmill.api.extract.routes import router as extract
from docmill.api.extract.routes import schema_router as extract_schemas
from docmill.api.files.routes import router as files
from docmill.api.parse.content import router as parse_content
from docmill.api.parse.routes import router as parse
from docmill.api.parse.routes import versions_router as parse_versions
from docmill.api.webhooks.events import router as webhook_events
from docmill.api.webhooks.routes import router as webhooks
from docmill.settings import MIB, Settings
from docmill.tracing.spans import trace_requests

OPEN_ROUTERS = (health, projects, parse_content, parse_versions)
"""Of routes that work in no project, or in the one that their signature names."""
ROUTERS = (
    directories,
    directory_files,
    files,
    configurations,
    batches,
    beta_batch,
    parse,
    classify,
    extract_schemas,
    extract,
    webhooks,
    webhook_events,
    sources,
    batch_control,
)
"""Routers of all resources, in the order of the OpenAPI document. The first route that matches a
URL serves it."""

MAX_BODY_BYTES = 16 * MIB
"""Maximum size of a body that is not an upload: enough for 300,000 item ids."""


class State(TypedDict):
    """State of every request."""

    services: Services


class _Application(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Wrap the framework's outermost middleware: its body limit and its response 500."""
        stack = JsonTooLargeMiddleware(super().build_middleware_stack())
        return AnsweredErrorMiddleware(SecurityHeadersMiddleware(stack))


def create_app(settings: Settings) -> FastAPI:
    """Return the API for ``settings``. It opens its services when a server starts it."""
    metrics = ApiMetrics() if settings.api_metrics_address else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        on_settled = metrics.outcomes.count if metrics else None
        async with open_services(settings, on_settled) as services:
            exposed = metrics.exposed(services) if metrics else nullcontext()
            async with exposed:
                yield {"services": services}

    app = _Application(
        title="Docmill",
        summary="Durable batch document processing; speaks LlamaCloud's batch API.",
        version="0.1.0",
        lifespan=lifespan,
        max_body_size=MAX_BODY_BYTES,
        # The official clients send no Content-Type with an empty body, and curl sends another one.
        strict_content_type=False,
    )
    app.add_middleware(NulMiddleware)
    app.add_middleware(AccessMiddleware, public_url=settings.public_url)
    app.add_middleware(HeaderSizeMiddleware)
    if metrics is not None:
        app.add_middleware(MetricsMiddleware, metrics=metrics)
    add_error_handlers(app)
    for router in OPEN_ROUTERS:
        app.include_router(router, responses=ERROR_RESPONSES)
    for router in ROUTERS:
        app.include_router(router, responses=ERROR_RESPONSES, dependencies=[Depends(note_received)])
    trace_requests(app)
    return app
