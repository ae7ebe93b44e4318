"""The protocol of classifiers, and the shape of what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from docmill.contracts.warnings import Warnings

CLASSIFY = "classify"


@dataclass(frozen=True, slots=True)
class Rule:
    """A type that documents may have.

    Attributes:
        type: its name, as the answer gives it.
        description: what such documents are, in the user's words.
    """

    type: str
    description: str


class Verdict(BaseModel):
    """What a document is.

    Attributes:
        type: of the rule that fits; None when none does.
        confidence: how likely this answer is right, 0..1.
        reasoning: what in the document spoke for it, for people.
    """

    model_config = ConfigDict(frozen=True)

    type: str | None
    confidence: float = Field(ge=0, le=1)
    reasoning: str


class ClassifyResult(BaseModel):
    """The result of one classification, as written to ``result.json``.

    Attributes:
        engine: the classifier.
        text_engine: what read the text that was classified, with its version.
        pages_total: pages that were read; always ok + failed.
        document_pages: pages that the document has.
        warnings: what a reader should know.
        usage: what a remote classifier counted: ``requests``, ``input_tokens``, ``output_tokens``.
        timings: seconds by step.
        files: sha256 of each file beside ``result.json``: none, but every product has the field.
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
    """Picks the rule that fits a text. Whatever it needs beyond that, it is constructed with.

    Attributes:
        name: one word.
        version: changes whenever the same text and rules may give another answer.
    """

    name: str
    version: str

    def classify(self, text: str, rules: Sequence[Rule]) -> Verdict:
        """Return the type of a document with this text.

        Args:
            text: of the pages that were read, in order; empty when there is none.
            rules: at least one.
        """
        ...
