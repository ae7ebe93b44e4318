"""Drafts a schema for extract jobs with a model, from a prompt, an example or another schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from docmill.engines.base import ParsedPage
from docmill.engines.extract.chunks import chunks_of
from docmill.errors import FailureClass, ItemFailure, UsageError
from docmill.parameters.extract_schema import checked_schema
from docmill.remote.llm import prompts
from docmill.remote.llm.answers import json_of
from docmill.remote.llm.client import Chat

_WRAPPED = ("data_schema", "schema")
"""Keys under which some models wrap the schema."""


async def draft_schema(
    chat: Chat,
    *,
    wishes: str | None = None,
    pages: Sequence[ParsedPage] = (),
    schema: Mapping[str, Any] | None = None,
    budget: int,
) -> dict[str, Any]:
    """Return a valid schema; the model may correct an invalid answer once.

    Args:
        chat: the model.
        wishes: the user's description of the data.
        pages: of an example; only as many as fit are sent.
        schema: to start from.
        budget: maximum characters of the example.

    Raises:
        ItemFailure: ANSWER_INVALID, and the errors of `Chat.complete`.
        UnavailableError: the endpoint is unavailable or busy.
    """
    first = next(iter(chunks_of(pages, budget)), None)
    messages = prompts.draft(first.parts if first else (), wishes, schema)
    answer = (await chat.complete(messages, None)).content
    try:
        return _schema_in(answer)
    except UsageError as error:
        repair = [*messages, *prompts.repair(answer, [error.message])]
    try:
        return _schema_in((await chat.complete(repair, None)).content)
    except UsageError as error:
        raise ItemFailure(
            FailureClass.ANSWER_INVALID,
            f"The model's schema is invalid, also after a second try: {error.message}",
        ) from None


def _schema_in(content: str) -> dict[str, Any]:
    """Return the schema in an answer, even if the model has wrapped it."""
    try:
        found = json_of(content)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    if isinstance(found, dict) and "properties" not in found:
        found = next((found[name] for name in _WRAPPED if name in found), found)
    if not isinstance(found, dict):
        raise UsageError("It is not a JSON object.")
    return checked_schema(found)
