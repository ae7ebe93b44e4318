"""Questions about one item: each is paid for once, and gets one chance to be mended."""

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
"""What an answer means, or what is wrong with it."""


class Conversation:
    """The conversation about one item, over all its attempts.

    Attributes:
        usage: what all answers took, those of earlier attempts too.
    """

    def __init__(self, chat: Chat, steps: Steps) -> None:
        """Take the model, and where its answers are kept until the item has its outcome."""
        self._chat = chat
        self._steps = steps
        self.usage: Counter[str] = Counter()

    async def ask(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None,
        check: Callable[[Any], Checked[T]],
    ) -> T:
        """Return what the model's answer means; one that does not fit may be mended once.

        Args:
            messages: the question.
            schema: the closed form of the answer, if it has one.
            check: takes the answer's JSON.

        Raises:
            ItemFailure: ANSWER_INVALID when the mended answer does not fit either, and what
                `Chat.complete` raises.
        """
        content = await self._said(messages, schema)
        found, errors = await _meaning(content, check)
        if found is None:
            mended = await self._said([*messages, *prompts.repair(content, errors)], schema)
            found, errors = await _meaning(mended, check)
        if found is None:
            raise ItemFailure(
                FailureClass.ANSWER_INVALID,
                f"The model's answer does not fit, also after a second try: {errors[0]}.",
            )
        return found

    async def _said(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> str:
        """Return the answer, from an earlier attempt if there was one."""
        # The question itself is the name: what another text or prompt brought is never taken.
        name = f"llm-{digest([list(messages), schema])}"
        saved = await self._steps.get(name)
        if saved is None:
            answer = await self._chat.complete(messages, schema)
            await self._steps.put(name, {"content": answer.content, "usage": answer.usage})
        else:
            answer = Answer(saved["content"], saved["usage"])
        self.usage.update(answer.usage)
        return answer.content


async def _meaning(content: str, check: Callable[[Any], Checked[T]]) -> Checked[T]:
    """Check an answer in a thread: a schema's patterns and a long answer take their time."""
    return await asyncio.to_thread(lambda: _checked(content, check))


def _checked(content: str, check: Callable[[Any], Checked[T]]) -> Checked[T]:
    try:
        answer = json_of(content)
    except ValueError as error:
        return None, [str(error)]
    return check(answer)


def schema_errors(schema: Mapping[str, Any], data: Any) -> list[str]:
    """Return where ``data`` does not fit ``schema``, each place in one sentence."""
    errors = islice(validator_of(schema).iter_errors(data), prompts.MAX_ERRORS)
    return [f"at {place(error)}: {bounded(error.message)}" for error in errors]
