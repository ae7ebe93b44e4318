"""Where a batch or job reports to, kept from the moment of its creation."""

from collections.abc import Sequence
from typing import Any

from docmill.api.schemas.webhooks import InlineWebhook
from docmill.api.scope import Scope
from docmill.api.services import Services
from docmill.records.tables import WebhookTarget
from docmill.records.webhooks import Webhooks


async def aim_webhooks(
    services: Services,
    scope: Scope,
    owner_id: str,
    stored: Sequence[str] | None,
    inline: Sequence[InlineWebhook] | None,
) -> None:
    """Record the endpoints of ``owner_id``; doing so again changes nothing.

    Raises:
        NotFoundError: a stored endpoint does not exist in this project.
    """
    endpoints = [one.model_dump(exclude_none=True) for one in inline or () if one.webhook_url]
    if not stored and not endpoints:
        return
    async with services.database.write() as session:
        webhooks = Webhooks(session)
        for webhook_id in stored or ():
            await webhooks.get(scope.project_id, webhook_id)
        named: list[dict[str, Any]] = [
            {"configuration_id": webhook_id} for webhook_id in dict.fromkeys(stored or ())
        ]
        given: list[dict[str, Any]] = [{"endpoint": endpoint} for endpoint in endpoints]
        await webhooks.aim(
            [
                WebhookTarget(
                    owner_id=owner_id, number=number, project_id=scope.project_id, **target
                )
                for number, target in enumerate([*named, *given])
            ]
        )
