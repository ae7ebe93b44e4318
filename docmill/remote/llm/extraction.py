"""Extraction of data from a document by a model, with quotes that are checked against it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docmill.engines.base import ParsedPage, ParseResult
from docmill.engines.extract.base import Findings, Found, entry, leaves, mirror
from docmill.engines.extract.chunks import Chunk, chunks_of
from docmill.engines.extract.citations import Quotes
from docmill.engines.extract.merge import merge
from docmill.engines.extract.schema import ROWS, Node, Shape, relaxed, rows_of
from docmill.engines.extract.strict import closed, strict_form
from docmill.errors import FailureClass, ItemFailure
from docmill.parameters.extract_schema import first_error
from docmill.remote.llm import prompts
from docmill.remote.llm.conversation import Checked, Conversation, schema_errors

UNSUPPORTED = 0.3
"""Maximum confidence in a value whose quote is not in the document."""
UNSTATED = 0.5
"""Confidence in a value for which the model states none."""
_SEPARATORS = re.compile(r"[$./\[\]]+")

FORM = {
    "type": "array",
    "items": closed(
        {
            "path": {"type": "string"},
            "quote": {"type": "string"},
            "page": {"type": "integer"},
            "confidence": {"type": "number"},
        }
    ),
}
"""The strict JSON Schema of ``evidence``."""


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """The metadata that a job requests for its values."""

    sources: bool
    confidence: bool

    def __bool__(self) -> bool:
        return self.sources or self.confidence


def value_metadata(
    data: Any, evidence: Any, quotes: Quotes, pages: list[int], wanted: EvidenceOptions
) -> Any:
    """Return the metadata of each value, in the shape of ``data``.

    Args:
        data: the values.
        evidence: from the model; it is not validated.
        quotes: of the document.
        pages: numbers of the pages with possible quotes.
        wanted: the requested metadata.
    """
    stated = _by_path(evidence)
    entries = {
        path: _value_entry(value, stated.get(_place(path), {}), quotes, pages, wanted)
        for path, value in leaves(data)
        if value is not None
    }
    return mirror(data, entries)


def _value_entry(
    value: Any, stated: Mapping[str, Any], quotes: Quotes, pages: list[int], wanted: EvidenceOptions
) -> dict[str, Any]:
    quote = stated.get("quote")
    if not isinstance(quote, str) or not quote.strip():
        quote = value if isinstance(value, str) else ""
    page = stated.get("page")
    citation = quotes.cite(quote, page if isinstance(page, int) else None, pages)
    sure = _confidence(stated.get("confidence"))
    if citation is None:
        sure = min(sure, UNSUPPORTED)
    return entry(
        sure if wanted.confidence else None,
        [citation] if citation is not None and wanted.sources else [],
    )


def _by_path(evidence: Any) -> dict[str, Mapping[str, Any]]:
    listed = evidence if isinstance(evidence, list) else []
    return {
        _SEPARATORS.sub("/", one["path"]).strip("/"): one
        for one in listed
        if isinstance(one, Mapping) and isinstance(one.get("path"), str)
    }


def _place(path: tuple[str | int, ...]) -> str:
    return _SEPARATORS.sub("/", "/".join(map(str, path))).strip("/")


def _confidence(stated: Any) -> float:
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return UNSTATED
    return min(1.0, max(0.0, float(stated)))


_DATA, _EVIDENCE = "data", "evidence"


async def extract(
    document: ParseResult, parameters: Mapping[str, Any], conversation: Conversation, budget: int
) -> Findings:
    """Return the data that a model extracts from a document.

    Args:
        document: its parsed pages.
        parameters: of the extraction.
        conversation: with the model.
        budget: maximum characters of text in one question.

    Raises:
        ItemFailure: ANSWER_INVALID, and the errors of `Conversation.ask`.
    """
    pages = [page for page in document.pages if page.success]
    schema = parameters["data_schema"]
    target = parameters["extraction_target"]
    extraction = _Extraction(
        rows_of(schema) if target == "per_table_row" else schema,
        parameters,
        pages,
        conversation,
        budget,
    )
    if target == "per_page":
        return await _by_page(extraction, pages)
    found = await extraction.object_of(pages)
    if target == "per_table_row":
        known = None if found.metadata is None else found.metadata.get(ROWS, [])
        return Findings(found.data.get(ROWS, []), known, warnings=list(found.warnings))
    return Findings(found.data, found.metadata, warnings=list(found.warnings))


async def _by_page(extraction: "_Extraction", pages: Sequence[ParsedPage]) -> Findings:
    """Extract from each page; a page without a valid answer fails, the others are kept."""
    found: dict[int, Found] = {}
    failures: dict[int, ItemFailure] = {}
    for page in pages:
        try:
            found[page.page_number] = await extraction.object_of([page])
        except ItemFailure as failure:
            if failure.failure_class is not FailureClass.ANSWER_INVALID:
                raise
            failures[page.page_number] = failure
    if failures and not found:
        raise next(iter(failures.values()))
    warnings = [
        f"Page {number}: {warning}" for number, one in found.items() for warning in one.warnings
    ]
    left_out = [
        f"Page {number} is left out: {failure.message}" for number, failure in failures.items()
    ]
    known = [one.metadata for one in found.values()]
    return Findings(
        [one.data for one in found.values()],
        known if extraction.wanted else None,
        list(found),
        len(failures),
        [*warnings, *left_out],
    )


class _Extraction:
    """The questions about one document with one schema."""

    def __init__(
        self,
        schema: Node,
        parameters: Mapping[str, Any],
        pages: Sequence[ParsedPage],
        conversation: Conversation,
        budget: int,
    ) -> None:
        self.wanted = EvidenceOptions(parameters["cite_sources"], parameters["confidence_scores"])
        self._schema = schema
        self._shape = Shape(schema)
        self._wishes = parameters.get("system_prompt")
        self._quotes = Quotes(pages)
        self._conversation = conversation
        self._budget = budget
        data = strict_form(schema)
        fields = {_DATA: data, **({_EVIDENCE: FORM} if self.wanted else {})}
        self._form = None if data is None else closed(fields)

    async def object_of(self, pages: Sequence[ParsedPage]) -> Found:
        """Return one object of the schema from some pages."""
        chunks = chunks_of(pages, self._budget)
        schema = self._schema if len(chunks) == 1 else relaxed(self._schema)
        found = merge([await self._part(chunk, schema, len(chunks) > 1) for chunk in chunks])
        error = await asyncio.to_thread(first_error, self._schema, found.data)
        if error is not None:
            subject = "The data from all parts" if chunks else "The document has no text, which"
            raise ItemFailure(
                FailureClass.ANSWER_INVALID, f"{subject} does not match the schema {error}."
            )
        return found

    async def _part(self, chunk: Chunk, schema: Node, partly: bool) -> Found:
        messages = prompts.extraction(
            chunk.parts,
            self._schema,
            evidence=bool(self.wanted),
            partly=partly,
            wishes=self._wishes,
        )
        return await self._conversation.ask(
            messages, self._form, lambda answer: self._checked(answer, chunk, schema)
        )

    def _checked(self, answer: Any, chunk: Chunk, schema: Node) -> Checked[Found]:
        wrapped = isinstance(answer, dict) and isinstance(answer.get(_DATA), dict)
        data = self._shape.without_nulls(answer[_DATA] if wrapped else answer)
        errors = schema_errors(schema, data)
        if errors:
            return None, errors
        known = None
        if self.wanted:
            evidence = answer.get(_EVIDENCE) if wrapped else None
            known = value_metadata(data, evidence, self._quotes, chunk.pages, self.wanted)
        return Found(data, known), []
