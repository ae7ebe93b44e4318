"""The rule that fits a document, by conversation a model about its first pages."""

from collections.abc import Mapping
from typing import Any

from docmill.engines.base import ParseResult
from docmill.engines.classify.base import Rule, Verdict
from docmill.engines.extract.chunks import parts_of
from docmill.engines.extract.strict import closed
from docmill.remote.llm import prompts
from docmill.remote.llm.conversation import Checked, Conversation, schema_errors


async def sort(
    document: ParseResult, parameters: Mapping[str, Any], conversation: Conversation, budget: int
) -> Verdict:
    """Return the type that a model gives a document.

    Args:
        document: its text, as far as it is read.
        parameters: of the classification.
        conversation: the model.
        budget: characters of text that it gets; what a document is shows at its beginning.

    Raises:
        ItemFailure: what `Conversation.ask` raises.
    """
    parts = parts_of(document.pages, budget)
    if not parts:
        return Verdict(type=None, confidence=1.0, reasoning="The document has no text.")
    room, seen = budget, []
    for part in parts:
        if len(part.text) > room:
            break
        seen.append(part)
        room -= len(part.text)
    rules = [Rule(rule["type"], rule["description"]) for rule in parameters["rules"]]
    form = _form(list(dict.fromkeys(rule.type for rule in rules)))
    messages = prompts.classification(seen, rules)
    return await conversation.ask(messages, form, lambda answer: _checked(answer, form))


def _form(types: list[str]) -> dict[str, Any]:
    return closed(
        {
            # Reasons come first: what a model writes later agrees with what it wrote before.
            "reasoning": {"type": "string"},
            "type": {"anyOf": [{"type": "string", "enum": types}, {"type": "null"}]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        }
    )


def _checked(answer: Any, form: Mapping[str, Any]) -> Checked[Verdict]:
    if isinstance(answer, dict):
        answer = {key: value for key, value in answer.items() if key in form["properties"]}
    errors = schema_errors(form, answer)
    return (None, errors) if errors else (Verdict(**answer), [])
