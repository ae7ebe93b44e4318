"""Classification of a document by a model, which gets its first pages."""

from collections.abc import Mapping
from typing import Any

from docmill.engines.base import ParseResult
from docmill.engines.classify.base import Rule, Verdict
from docmill.engines.extract.chunks import parts_of
from docmill.engines.extract.strict import closed
from docmill.remote.llm import prompts
from docmill.remote.llm.conversation import Checked, Conversation, schema_errors


async def classify(
    document: ParseResult, parameters: Mapping[str, Any], conversation: Conversation, budget: int
) -> Verdict:
    """Return the model's type for a document.

    Args:
        document: its parsed pages.
        parameters: of the classification.
        conversation: with the model.
        budget: maximum characters of text; the first pages show the type of a document.

    Raises:
        ItemFailure: the errors of `Conversation.ask`.
    """
    parts = parts_of(document.pages, budget)
    if not parts:
        return Verdict(type=None, confidence=1.0, reasoning="The document has no text.")
    remaining, selected = budget, []
    for part in parts:
        if len(part.text) > remaining:
            break
        selected.append(part)
        remaining -= len(part.text)
    rules = [Rule(rule["type"], rule["description"]) for rule in parameters["rules"]]
    form = _form(list(dict.fromkeys(rule.type for rule in rules)))
    messages = prompts.classification(selected, rules)
    return await conversation.ask(messages, form, lambda answer: _checked(answer, form))


def _form(types: list[str]) -> dict[str, Any]:
    return closed(
        {
            # The reasoning is first: a model's later output follows from its earlier output.
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
