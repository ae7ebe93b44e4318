"""Docmill's addition to creates: which warnings turn a completed file into a failed one."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from docmill.contracts.warnings import strict_codes
from docmill.errors import UsageError


def _known(words: Sequence[str]) -> Sequence[str]:
    try:
        strict_codes(words)
    except UsageError as error:
        raise ValueError(f"{error.message} {error.hint}") from None
    return words


Strict = Annotated[
    list[Annotated[str, Field(max_length=50)]], Field(max_length=50), AfterValidator(_known)
]
"""Codes or kinds of warnings; ``["none"]`` sets the operator's default aside."""
