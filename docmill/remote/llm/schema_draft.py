"""A schema for extract jobs, drafted by a model from what a user wants, or from an example."""

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
"""Names under which models put the schema, although they are told to answer with it."""


async def draft_schema(
    chat: Chat,
    *,
    wishes: str | None = None,
    pages: Sequence[ParsedPage] = (),
    schema: Mapping[str, Any] | None = None,
    budget: int,
) -> dict[str, Any]:
    """Return a schema that extract jobs take; an answer that does not fit may be mended once.

    Args:
        chat: the model.
        wishes: what the user wants extracted.
        pages: of an example; only as many as fit are shown.
        schema: what to begin with.
        budget: characters of the example in the question.

    Raises:
        ItemFailure: ANSWER_INVALID, and what `Chat.complete` raises.
        UnavailableError: the endpoint is away or busy.
    """
    first = next(iter(chunks_of(pages, budget)), None)
    messages = prompts.draft(first.parts if first else (), wishes, schema)
    answer = (await chat.complete(messages, None)).content
    try:
        return _schema_in(answer)
    except UsageError as error:
        mended = [*messages, *prompts.repair(answer, [error.message])]
    try:
        return _schema_in((await chat.complete(mended, None)).content)
    except UsageError as error:
        raise ItemFailure(
            FailureClass.ANSWER_INVALID,
            f"The model's schema does not fit, also after a second try: {error.message}",
        ) from None


def _schema_in(content: str) -> dict[str, Any]:
    """Return the schema in an answer, also when the model has put it under a name."""
    try:
        found = json_of(content)
    except ValueError as error:
        raise UsageError(f"{error}.") from None
    if isinstance(found, dict) and "properties" not in found:
        found = next((found[name] for name in _WRAPPED if name in found), found)
    if not isinstance(found, dict):
        raise UsageError("It is no JSON object.")
    return checked_schema(found)
