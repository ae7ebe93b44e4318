"""Generated requests: Schemathesis calls every operation of the OpenAPI document."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from docmill.api.app import create_app
from docmill.settings import Settings
from tests.fixtures.api import ApiServer

EXAMPLES = 6
"""For each operation; the longer run is ``st run http://127.0.0.1:8000/openapi.json``."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENT = create_app(Settings()).openapi()
OPERATIONS = [
    (path, method)
    for path, some in DOCUMENT["paths"].items()
    for method in some
    if path != "/readyz"  # 503 is its right answer here: Temporal is away
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_request_breaks_the_server(api_server: ApiServer, path: str, method: str) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=api_server.url)

    @given(case=schema[path][method.upper()].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attack(case: Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    attack()
