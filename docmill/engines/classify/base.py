"""Protocol of classifiers, and the models of their results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from docmill.contracts.warnings import Warnings

CLASSIFY = "classify"


@dataclass(frozen=True, slots=True)
class Rule:
    """A document type of a classify job.

    Attributes:
        type: name of the type, as returned in the result.
        description: the user's description of such documents.
    """

    type: str
    description: str


class Verdict(BaseModel):
    """Decision of a classifier.

    Attributes:
        type: type of the matching rule; None when no rule matches.
        confidence: probability that the decision is right, 0..1.
        reasoning: explanation for people.
    """

    model_config = ConfigDict(frozen=True)

    type: str | None
    confidence: float = Field(ge=0, le=1)
    reasoning: str


class ClassifyResult(BaseModel):
    """The result of one classification, as written to ``result.json``.

    Attributes:
        engine: name of the classifier.
        text_engine: name and version of the engine that parsed the text.
        pages_total: number of parsed pages; always ok + failed.
        document_pages: number of pages of the document.
        warnings: warnings about the text and the decision.
        usage: counters of a remote classifier: ``requests``, ``input_tokens``, ``output_tokens``.
        timings: seconds by step.
        files: sha256 of each file next to ``result.json``; empty, kept for a uniform shape.
    """

    schema_version: int = 1
    product: str = CLASSIFY
    engine: str
    engine_version: str
    text_engine: str
    text_engine_version: str
    media_type: str
    result: Verdict
    usage: dict[str, int] = Field(default_factory=dict)
    pages_total: int
    pages_ok: int
    pages_failed: int
    partial: bool = False
    document_pages: int | None = None
    warnings: Warnings = Field(default_factory=list)
    timings: dict[str, float] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


class Classifier(Protocol):
    """Selects the rule that matches a text. Dependencies are passed to the constructor.

    Attributes:
        name: one word.
        version: changes whenever the decision for the same text and rules may change.
    """

    name: str
    version: str

    def classify(self, text: str, rules: Sequence[Rule]) -> Verdict:
        """Classify a text.

        Args:
            text: text of the parsed pages in order; may be empty.
            rules: at least one.
        """
        ...
