"""The search attributes that let an operator filter batches; a batch runs without them too."""

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from docmill.contracts import names

KEYWORD, INT = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, IndexedValueType.INDEXED_VALUE_TYPE_INT

ATTRIBUTES = {
    names.PROJECT_ATTRIBUTE: KEYWORD,
    names.DIRECTORY_ATTRIBUTE: KEYWORD,
    names.JOB_TYPE_ATTRIBUTE: KEYWORD,
    names.STATUS_ATTRIBUTE: KEYWORD,
    names.PROCESSED_ATTRIBUTE: INT,
    names.FAILED_ATTRIBUTE: INT,
    names.TOTAL_ATTRIBUTE: INT,
}

log = structlog.get_logger(__name__)


def create_command(namespace: str) -> str:
    """Return the Temporal CLI command that registers the attributes."""
    names = " ".join(
        f"--name {name} --type {'Int' if kind == INT else 'Keyword'}"
        for name, kind in ATTRIBUTES.items()
    )
    return f"temporal operator search-attribute create --namespace {namespace} {names}"


async def has_search_attributes(client: Client) -> bool:
    """Whether the server has all of ours; when not, the log says the command that adds them."""
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        log.warning("search_attributes.unknown", reason=error.message)
        return False
    if all(answer.custom_attributes.get(name) == kind for name, kind in ATTRIBUTES.items()):
        return True
    log.warning("search_attributes.missing", create_them_with=create_command(client.namespace))
    return False
