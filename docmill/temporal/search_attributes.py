"""The search attributes of batches, for operators; batches also run without them."""

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from docmill.contracts.names import SEARCH_ATTRIBUTES

_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
}

log = structlog.get_logger(__name__)


def create_command(namespace: str) -> str:
    """Return the Temporal CLI command that registers the attributes."""
    names = " ".join(f"--name {name} --type {kind}" for name, kind in SEARCH_ATTRIBUTES.items())
    return f"temporal operator search-attribute create --namespace {namespace} {names}"


async def has_search_attributes(client: Client) -> bool:
    """Whether the server has all attributes; if not, the log has the command that adds them."""
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        log.warning("search_attributes.unknown", reason=error.message)
        return False
    registered = answer.custom_attributes
    if all(registered.get(name) == _TYPES[kind] for name, kind in SEARCH_ATTRIBUTES.items()):
        return True
    log.warning("search_attributes.missing", create_them_with=create_command(client.namespace))
    return False
