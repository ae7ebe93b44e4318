"""The webhook endpoints of a batch or job, fixed when it is created."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from docmill.api.core.errors import FieldError
from docmill.api.core.scope import Scope
from docmill.api.core.services import Services
from docmill.api.webhooks.schemas import InlineWebhook
from docmill.contracts.webhook_events import job_events
from docmill.contracts.words import JobType
from docmill.errors import NotFoundError
from docmill.outbound.fence import Fence, FencedError
from docmill.records.database import Session
from docmill.records.tables.api import WebhookTarget
from docmill.records.tables.sources import Configuration
from docmill.records.webhooks import Webhooks
from docmill.webhooks.messages import forbidden_headers

Target = dict[str, Any]
"""The columns of a `WebhookTarget` with its endpoint and its events."""


async def build_webhook_targets(
    session: Session,
    fence: Fence,
    *,
    project_id: str,
    owner_id: str,
    stored: Sequence[str] | None = None,
    inline: Sequence[InlineWebhook] | None = None,
    configuration: Configuration | None = None,
) -> list[WebhookTarget]:
    """Return the endpoints of ``owner_id``, which the caller inserts with it.

    Args:
        session: reads stored endpoints.
        fence: checks URLs.
        project_id: of the owner.
        owner_id: the batch, or the batch of a single job.
        stored: ids of stored endpoints.
        inline: endpoints in the request.
        configuration: its endpoints get the events of each job that uses it.

    Raises:
        NotFoundError: a stored endpoint does not exist in this project.
        FieldError: a URL or header is rejected.
    """
    targets = [
        *_stored(stored or ()),
        *_inline(fence, inline or ()),
        *(_of_configuration(fence, configuration) if configuration else ()),
    ]
    for target in targets:
        if "configuration_id" in target:
            await Webhooks(session).get(project_id, target["configuration_id"])
    return [
        WebhookTarget(owner_id=owner_id, number=number, project_id=project_id, **target)
        for number, target in enumerate(targets)
    ]


async def check_webhooks(
    services: Services,
    scope: Scope,
    stored: Sequence[str],
    inline: Sequence[InlineWebhook],
    *loc: str,
) -> None:
    """Check the endpoints of a configuration, so that no later job is rejected because of them.

    Raises:
        FieldError: a stored endpoint does not exist in this project, or a URL or header is
            rejected; the error names the field, below ``loc``.
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
    """Reject an endpoint that can never receive events. Each delivery checks the host's addresses.

    Raises:
        FieldError: the URL is rejected, or Docmill sets one of the headers itself.
    """
    if url is not None:
        try:
            fence.check_url(url)
        except FencedError as error:
            raise FieldError(error.message, *loc, "webhook_url", hint=error.hint) from None
    if rejected := forbidden_headers(headers or {}):
        raise FieldError(
            f"{', '.join(rejected)} cannot be set by a webhook.", *loc, "webhook_headers"
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


def _of_configuration(fence: Fence, found: Configuration) -> Sequence[Target]:
    """Return the endpoints of a saved configuration: they get events of jobs, not of batches."""
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
            f"{found.id} has an invalid webhook.", "body", "configuration_id"
        ) from None
    stored = found.parameters.get("webhook_configuration_ids") or ()
    return [*_stored(stored, events), *_inline(fence, inline, events)]
