"""Routes of the liveness and readiness checks."""

import asyncio
from collections.abc import Awaitable

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel

from docmill.api.core.services import ServerServices
from docmill.errors import DocmillError

router = APIRouter(tags=["health"])

log = structlog.get_logger(__name__)

AWAY = "away"
CHECK_SECONDS = 5.0
"""A service that does not answer within this time counts as unavailable."""


class Health(BaseModel):
    """The process is up."""

    status: str = "ok"


class Readiness(BaseModel):
    """State of each required service, ``ok`` or ``away``; the reasons are in the log."""

    ready: bool
    checks: dict[str, str]


@router.get("/healthz")
async def health() -> Health:
    """Answer as long as the process runs."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not ready."}})
async def readiness(services: ServerServices, response: Response) -> Readiness:
    """Check the database, the object store and Temporal, and that a worker polls for batches."""
    names = ("database", "object_store", "temporal", "worker")
    answers = await asyncio.gather(
        _checked(services.database.ping()),
        _checked(services.store.ping()),
        _checked(services.temporal.ping()),
        _checked(services.temporal.check_worker()),
    )
    ready = all(answer == "ok" for answer in answers)
    if not ready:
        response.status_code = 503
    return Readiness(ready=ready, checks=dict(zip(names, answers, strict=True)))


async def _checked(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check
    except (DocmillError, TimeoutError) as error:
        log.warning("api.not_ready", reason=str(error) or "no answer in time")
        return AWAY
    return "ok"
