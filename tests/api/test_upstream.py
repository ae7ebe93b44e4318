"""The API agrees with upstream: the official clients can read every answer."""

import httpx
import pytest

from tests.fixtures.openapi import OpenApi
from tests.fixtures.upstream import Upstream, answer_schemas

SERVED = 45
"""Operations of the contract that the two clients call and that answer with a body."""


def test_official_clients_state_what_they_read(openapi: OpenApi) -> None:
    served = openapi.document["paths"]
    paths = [f"{verb.upper()} {path}" for path, verbs in served.items() for verb in verbs]

    schemas = answer_schemas(paths)

    assert len(schemas) >= SERVED
    assert "GET /api/v1/beta/batch-processing/{job_id}" in schemas
    assert "GET /api/v2/batches/{batch_id}" in schemas


async def test_answer_that_a_client_cannot_read_is_found() -> None:
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    upstream = Upstream({"GET /api/things/{id}": schema})
    request = httpx.Request("GET", "http://x/api/things/1")

    await upstream.check(httpx.Response(200, json={"id": "1", "addition": 2}, request=request))
    with pytest.raises(AssertionError, match="official clients"):
        await upstream.check(httpx.Response(200, json={"id": 1}, request=request))
