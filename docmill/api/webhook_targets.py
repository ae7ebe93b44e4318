"""Where a batch or job reports to, kept from the moment of its creation."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from docmill.api.configured import find_configuration
from docmill.api.errors import FieldError
from docmill.api.schemas.webhooks import InlineWebhook
from docmill.api.scope import Scope
from docmill.api.services import Services
from docmill.contracts import JobType
from docmill.errors import NotFoundError
from docmill.fencing import Fence, FencedError
from docmill.records.tables import WebhookTarget
from docmill.records.webhooks import Webhooks
from docmill.webhook_events import job_events
from docmill.webhooks.headers import forbidden

Target = dict[str, Any]
"""The columns of a `WebhookTarget` that say where and what."""


async def aim_webhooks(
    services: Services,
    scope: Scope,
    owner_id: str,
    stored: Sequence[str] | None,
    inline: Sequence[InlineWebhook] | None,
    *,
    configuration_id: str | None = None,
) -> None:
    """Record the endpoints of ``owner_id``; doing so again changes nothing.

    Call this before the owner is created: from then on its listeners are frozen.

    Args:
        services: where they are recorded.
        scope: whose they are.
        owner_id: the batch, or the batch of one of a single job.
        stored: ids of stored endpoints.
        inline: endpoints as the request gives them.
        configuration_id: its endpoints are told of each job that is run with it.

    Raises:
        NotFoundError: a stored endpoint does not exist in this project.
        FieldError: a URL or header is refused.
    """
    targets = [
        *_stored(stored or ()),
        *_inline(services.fence, inline or ()),
        *await _of_configuration(services, scope, configuration_id),
    ]
    if not targets:
        return
    async with services.database.write() as session:
        webhooks = Webhooks(session)
        for target in targets:
            if "configuration_id" in target:
                await webhooks.get(scope.project_id, target["configuration_id"])
        await webhooks.aim(
            [
                WebhookTarget(
                    owner_id=owner_id, number=number, project_id=scope.project_id, **target
                )
                for number, target in enumerate(targets)
            ]
        )


async def check_webhooks(
    services: Services,
    scope: Scope,
    stored: Sequence[str],
    inline: Sequence[InlineWebhook],
    *loc: str,
) -> None:
    """Check endpoints that are kept for jobs to come, so that no job is refused for them later.

    Raises:
        FieldError: a stored endpoint does not exist in this project, or a URL or header cannot
            be sent; the error names the field, below ``loc``.
    """
    for number, one in enumerate(inline):
        place: tuple[str | int, ...] = (*loc, "webhook_configurations", number)
        check_endpoint(services.fence, one.webhook_url, one.webhook_headers, *place)
    async with services.database.read() as session:
        for number, webhook_id in enumerate(stored):
            try:
                await Webhooks(session).get(scope.project_id, webhook_id)
            except NotFoundError as error:
                place = (*loc, "webhook_configuration_ids", number)
                raise FieldError(error.message, *place, hint=error.hint) from None


def check_endpoint(
    fence: Fence, url: str | None, headers: dict[str, str] | None, *loc: str | int
) -> None:
    """Refuse what can never be sent; where a host's name leads, each delivery checks.

    Raises:
        FieldError: the URL leads inside, or Docmill sets one of the headers itself.
    """
    if url is not None:
        try:
            fence.check_url(url)
        except FencedError as error:
            raise FieldError(error.message, *loc, "webhook_url", hint=error.hint) from None
    if refused := forbidden(headers or {}):
        raise FieldError(
            f"{', '.join(refused)} cannot be set by a webhook.", *loc, "webhook_headers"
        )


def _stored(webhook_ids: Sequence[str], events: Sequence[str] | None = None) -> Iterator[Target]:
    for webhook_id in dict.fromkeys(webhook_ids):
        yield {"configuration_id": webhook_id, "events": events}


def _inline(
    fence: Fence, endpoints: Sequence[InlineWebhook], events: Sequence[str] | None = None
) -> Iterator[Target]:
    for number, one in enumerate(endpoints):
        if one.webhook_url:
            loc = ("body", "webhook_configurations", number)
            check_endpoint(fence, one.webhook_url, one.webhook_headers, *loc)
            yield {"endpoint": one.model_dump(exclude_none=True), "events": events}


async def _of_configuration(
    services: Services, scope: Scope, configuration_id: str | None
) -> Sequence[Target]:
    """Return the endpoints of a saved configuration: they hear of its jobs, not of batches."""
    if configuration_id is None:
        return ()
    found = await find_configuration(services, scope, configuration_id)
    product = found.product_type.partition("_")[0]
    if product not in set(JobType):
        return ()
    events = list(job_events(product))
    try:
        inline = [
            InlineWebhook.model_validate(one)
            for one in found.parameters.get("webhook_configurations") or ()
        ]
    except ValidationError:
        raise FieldError(
            f"{configuration_id} has a webhook that cannot be read.", "body", "configuration_id"
        ) from None
    stored = found.parameters.get("webhook_configuration_ids") or ()
    return [*_stored(stored, events), *_inline(services.fence, inline, events)]
