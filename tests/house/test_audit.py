"""Which licences of dependencies the audit accepts."""

import pytest

from tests.audit import is_allowed


@pytest.mark.parametrize(
    "stated",
    ["MIT", "MIT License", "Apache Software License; MIT License", "MIT OR GPL-3.0-only"],
)
def test_licence_is_accepted_when_its_terms_are_on_the_list(stated: str) -> None:
    assert is_allowed(stated)


@pytest.mark.parametrize(
    "stated", ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "MIT License; Other", "UNKNOWN", ""]
)
def test_licence_is_rejected_when_one_of_its_terms_is_not(stated: str) -> None:
    assert not is_allowed(stated)
