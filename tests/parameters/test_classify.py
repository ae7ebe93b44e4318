"""Parameters of classifications."""

from typing import Any

import pytest

from docmill.api.beta_batch.parameters import classify_v2_parameters
from docmill.contracts.words import JobType
from docmill.errors import UsageError
from docmill.parameters import effective_parameters, parameters_hash
from docmill.parameters.classify import MAX_RULES

RULE = {"type": "invoice", "description": "A bill that asks for payment"}


def _effective(**parameters: Any) -> dict[str, Any]:
    return effective_parameters(JobType.CLASSIFY, parameters)


def test_defaults_are_filled_in_so_equal_jobs_share_a_result() -> None:
    short = _effective(rules=[RULE])
    long = _effective(
        product_type="classify_v2",
        rules=[RULE],
        mode="FAST",
        parsing_configuration={"lang": "en", "max_pages": None, "target_pages": None},
    )

    assert short == long
    assert short["parsing_configuration"] == {"lang": "en", "max_pages": 5}
    assert parameters_hash(short) == parameters_hash({**long, "disable_cache": True})


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "rules"),
        ({"rules": []}, "rules"),
        ({"rules": [RULE] * (MAX_RULES + 1)}, "rules"),
        ({"rules": [{**RULE, "type": ""}]}, "rules.0.type"),
        ({"rules": [{**RULE, "type": "t" * 51}]}, "rules.0.type"),
        ({"rules": [{**RULE, "description": "too short"}]}, "rules.0.description"),
        ({"rules": [{**RULE, "description": "d" * 2001}]}, "rules.0.description"),
        ({"rules": [{**RULE, "weight": 1}]}, "rules.0.weight"),
        ({"rules": [RULE], "mode": "MULTIMODAL"}, "mode"),
        ({"rules": [RULE], "api_key": "secret"}, "api_key"),
        ({"rules": [RULE], "parsing_configuration": {"max_pages": 0}}, "max_pages"),
        ({"rules": [RULE], "parsing_configuration": {"target_pages": "x"}}, "target_pages"),
    ],
)
def test_invalid_value_is_named_in_the_error(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named) as refused:
        _effective(**parameters)

    assert "classify_v2" in refused.value.hint


def test_v1_counts_pages_from_zero() -> None:
    config = {
        "rules": [RULE],
        "parsing_configuration": {"lang": "de", "max_pages": 2, "target_pages": [0, 4]},
    }

    found = _effective(**classify_v2_parameters(config))

    assert found["parsing_configuration"] == {"lang": "de", "max_pages": 2, "target_pages": "1,5"}
    plain = _effective(**classify_v2_parameters({"rules": [RULE], "parsing_configuration": None}))
    assert plain == _effective(rules=[RULE])
