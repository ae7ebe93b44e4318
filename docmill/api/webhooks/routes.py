"""Routes of stored webhook endpoints."""

from typing import Annotated

from fastapi import APIRouter, Query

from docmill.api.core.errors import FieldError
from docmill.api.core.idempotency import CurrentIdempotency
from docmill.api.core.pagination import decode_token, page
from docmill.api.core.scope import CurrentScope
from docmill.api.core.services import CurrentServices
from docmill.api.core.wire import CursorPage, PageSize, Text, page_limit
from docmill.api.webhooks.schemas import WebhookCreate, WebhookUpdate, WebhookView
from docmill.api.webhooks.targets import check_endpoint
from docmill.ids import Prefix, new_id
from docmill.records.tables.api import WebhookConfiguration
from docmill.records.webhooks import Webhooks

router = APIRouter(tags=["webhook configurations"])

BASE = "/api/v1/beta/webhook-configs"


def view(row: WebhookConfiguration) -> WebhookView:
    """Return an endpoint as a response model, without its secret."""
    return WebhookView(
        id=row.id,
        tenant_id=row.project_id,
        webhook_url=row.webhook_url,
        has_secret=row.signing_secret is not None,
        webhook_events=row.webhook_events,
        webhook_headers=row.webhook_headers,
        webhook_output_format=row.webhook_output_format,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@router.post(BASE, status_code=201)
async def create_webhook(
    services: CurrentServices,
    scope: CurrentScope,
    idempotency: CurrentIdempotency,
    body: WebhookCreate,
) -> WebhookView:
    """Store an endpoint that batches and jobs can name."""
    check_endpoint(services.fence, body.webhook_url, body.webhook_headers, "body")
    fields = body.model_dump()
    columns = {**fields, "signing_secret": fields["webhook_signing_secret"]}
    del columns["webhook_signing_secret"]
    async with services.database.write() as session:
        claim = await idempotency.claim(session, fields, new_id(Prefix.WEBHOOK_CONFIGURATION))
        row = WebhookConfiguration(id=claim.object_id, project_id=scope.project_id, **columns)
        return view(await Webhooks(session).create(row))


@router.get(BASE, deprecated=True)
async def list_webhooks(services: CurrentServices, scope: CurrentScope) -> list[WebhookView]:
    """List all endpoints as a bare array, newest first."""
    rows: list[WebhookConfiguration] = []
    cursor: str | None = None
    async with services.database.read() as session:
        while True:
            found = await Webhooks(session).list(scope.project_id, limit=1_000, cursor=cursor)
            rows += found.items
            cursor = found.next
            if cursor is None:
                return [view(row) for row in rows]


@router.get("/api/v2/webhook-configs")
async def page_webhooks(
    services: CurrentServices,
    scope: CurrentScope,
    page_size: Annotated[PageSize, Query()] = None,
    page_token: Annotated[Text | None, Query()] = None,
    include_total: Annotated[bool, Query()] = False,
) -> CursorPage[WebhookView]:
    """List endpoints, newest first, one page at a time."""
    async with services.database.read() as session:
        webhooks = Webhooks(session)
        found = await webhooks.list(
            scope.project_id,
            limit=page_limit(page_size),
            cursor=decode_token(page_token, scope.project_id, {}),
        )
        answer = page(found, view, scope.project_id, {})
        if include_total:
            answer.total_size = await webhooks.count(scope.project_id)
    return answer


@router.get(BASE + "/{config_id}")
async def get_webhook(
    services: CurrentServices, scope: CurrentScope, config_id: str
) -> WebhookView:
    """Return one endpoint."""
    async with services.database.read() as session:
        return view(await Webhooks(session).get(scope.project_id, config_id))


@router.put(BASE + "/{config_id}")
async def update_webhook(
    services: CurrentServices, scope: CurrentScope, config_id: str, body: WebhookUpdate
) -> WebhookView:
    """Change the fields that are present; a new secret replaces the old one."""
    check_endpoint(services.fence, body.webhook_url, body.webhook_headers, "body")
    fields = body.model_dump(exclude_unset=True)
    if "webhook_url" in fields and fields["webhook_url"] is None:
        raise FieldError("The URL cannot be removed.", "body", "webhook_url")
    if "webhook_signing_secret" in fields:
        fields["signing_secret"] = fields.pop("webhook_signing_secret")
    async with services.database.write() as session:
        return view(await Webhooks(session).update(scope.project_id, config_id, **fields))


@router.delete(BASE + "/{config_id}", status_code=204)
async def delete_webhook(services: CurrentServices, scope: CurrentScope, config_id: str) -> None:
    """Delete an endpoint."""
    async with services.database.write() as session:
        await Webhooks(session).delete(scope.project_id, config_id)
