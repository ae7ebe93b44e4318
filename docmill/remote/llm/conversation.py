"""The conversation with a model about one item; each answer is saved, and may be corrected once."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from docmill.errors import FailureClass, ItemFailure, bounded
from docmill.parameters.extract_schema import place, validator_of
from docmill.records.steps import Steps
from docmill.remote.llm import prompts
from docmill.remote.llm.answers import Answer, json_of
from docmill.remote.llm.client import Chat, Message, digest

T = TypeVar("T")

Checked = tuple[T | None, list[str]]
"""The value of an answer, or its errors."""


class Conversation:
    """The conversation about one item, over all its attempts.

    Attributes:
        usage: of all answers, including those of earlier attempts.
    """

    def __init__(self, chat: Chat, steps: Steps) -> None:
        """Create it for a model; ``steps`` saves its answers until the item has its outcome."""
        self._chat = chat
        self._steps = steps
        self.usage: Counter[str] = Counter()

    async def ask(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        check: Callable[[Any], Checked[T]],
    ) -> T:
        """Return the value of the model's answer; the model may correct an invalid answer once.

        Args:
            messages: the question.
            schema: the strict JSON Schema of the answer, if it has one.
            check: validates the answer's JSON.

        Raises:
            ItemFailure: ANSWER_INVALID if the corrected answer is invalid too, and the errors of
                `Chat.complete`.
        """
        content = await self._answer(messages, schema)
        found, errors = await _validated(content, check)
        if found is None:
            repair = [*messages, *prompts.repair(content, errors)]
            found, errors = await _validated(await self._answer(repair, schema), check)
        if found is None:
            raise ItemFailure(
                FailureClass.ANSWER_INVALID,
                f"The model's answer is invalid, also after a second try: {errors[0]}.",
            )
        return found

    async def _answer(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> str:
        """Return the answer, from an earlier attempt if it was saved."""
        # The name is the hash of the question, so answers to other texts or prompts do not match.
        name = f"llm-{digest([list(messages), schema])}"
        saved = await self._steps.get(name)
        if saved is None:
            answer = await self._chat.complete(messages, schema)
            await self._steps.put(name, {"content": answer.content, "usage": answer.usage})
        else:
            answer = Answer(saved["content"], saved["usage"])
        self.usage.update(answer.usage)
        return answer.content


async def _validated(content: str, check: Callable[[Any], Checked[T]]) -> Checked[T]:
    """Validate an answer in a thread, because patterns and long answers take time."""
    return await asyncio.to_thread(lambda: _checked(content, check))


def _checked(content: str, check: Callable[[Any], Checked[T]]) -> Checked[T]:
    try:
        answer = json_of(content)
    except ValueError as error:
        return None, [str(error)]
    return check(answer)


def schema_errors(schema: Mapping[str, Any], data: Any) -> list[str]:
    """Return the errors of ``data`` by ``schema``, one sentence each."""
    errors = islice(validator_of(schema).iter_errors(data), prompts.MAX_ERRORS)
    return [f"at {place(error)}: {bounded(error.message)}" for error in errors]
