"""The `basic` engine of extract, in the engines' child processes and on real documents."""

from pathlib import Path
from typing import Any

import pytest

from bench.extract import measure
from docmill.contracts.words import JobType
from docmill.engines.base import EngineTask, ParsedPage
from docmill.engines.extract.base import ExtractResult
from docmill.engines.extract.basic import BasicExtractor
from docmill.errors import FailureClass, ItemFailure
from docmill.parameters import effective_parameters
from tests.engines import documents
from tests.fixtures.api import ROOT
from tests.fixtures.engines import Bench, messages

SCHEMA = {
    "type": "object",
    "properties": {
        "invoiceNumber": {"type": "string"},
        "total": {"type": "number"},
        "dueDate": {"type": "string", "format": "date"},
        "note": {"type": ["string", "null"]},
        "seller": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "email": {"type": "string"}},
        },
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"product": {"type": "string"}, "qty": {"type": "integer"}},
            },
        },
    },
    "required": ["invoiceNumber", "total"],
}
MARKDOWN = """Invoice no: A-17
Total: 80.50
Total weight: 3 kg
E-mail: a@b.example

| Product | Quantity |
|---|---|
| Screws | 4 |
| Nails | many |
"""


async def _extract(bench: Bench, name: str, data: bytes | str, **given: Any) -> ExtractResult:
    path = bench.folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    output = bench.folder / f"out-{len(list(bench.folder.iterdir()))}"
    output.mkdir()
    parameters = effective_parameters(JobType.EXTRACT, {"data_schema": SCHEMA, **given})
    task = EngineTask("extract", str(path), name, str(output), parameters=parameters)
    report = await bench.pool.run(task)
    assert report.files == ["result.json"]
    return ExtractResult.model_validate_json((output / "result.json").read_bytes())


async def test_value_next_to_its_label_is_found_with_its_position(engines: Bench) -> None:
    found = await _extract(engines, "a.md", MARKDOWN)

    assert found.result == {
        "invoiceNumber": "A-17",
        "total": 80.5,
        "note": None,
        "seller": {"email": "a@b.example"},
        "lines": [{"product": "Screws", "qty": 4}, {"product": "Nails"}],
    }
    known = found.field_metadata["document_metadata"]
    assert known["total"] == {
        "confidence": 0.9,
        "citation": [{"page": 1, "matching_text": "80.50"}],
    }
    assert known["lines"][0]["qty"]["citation"][0]["matching_text"] == "4"
    assert (found.engine, found.text_engine, found.usage) == ("basic", "text", {})


async def test_missing_required_field_is_reported_and_not_invented(engines: Bench) -> None:
    found = await _extract(engines, "a.txt", "Nothing to see here.\n")

    assert found.result == {"note": None}
    assert messages(found.warnings) == [
        f"The result does not fit the schema at the root: '{name}' is a required property."
        for name in ("invoiceNumber", "total")
    ]


async def test_label_with_several_values_is_left_out(engines: Bench) -> None:
    found = await _extract(engines, "a.txt", "Invoice no: 1\nInvoice no: 2\nTotal: 5\n")

    assert found.result == {"total": 5, "note": None}
    assert "invoiceNumber is omitted: its label has several values." in messages(found.warnings)


async def test_pages_and_rows_are_valid_targets(engines: Bench) -> None:
    pages = documents.pdf("Invoice no: 1", "Invoice no: 2", "Invoice no: 3")
    row = SCHEMA["properties"]["lines"]["items"]  # type: ignore[index]

    by_page = await _extract(
        engines, "a.pdf", pages, extraction_target="per_page", target_pages="2-3"
    )
    rows = await _extract(
        engines, "a.md", MARKDOWN, data_schema=row, extraction_target="per_table_row"
    )

    assert [one["invoiceNumber"] for one in by_page.result] == ["2", "3"]  # type: ignore[index]
    assert (by_page.result_pages, by_page.pages_total) == ([2, 3], 2)
    assert len(by_page.field_metadata["page_metadata"]) == 2
    assert rows.result == [{"product": "Screws", "qty": 4}, {"product": "Nails"}]
    assert len(rows.field_metadata["row_metadata"]) == 2


async def test_parameter_that_is_not_honoured_gives_a_warning(engines: Bench) -> None:
    found = await _extract(
        engines, "a.md", MARKDOWN, system_prompt="Be nice", tier="agentic", spreadsheet_mode=True
    )

    assert messages(found.warnings) == [
        "The parameter spreadsheet_mode is supported only by the engine llamacloud.",
        "The parameter tier is supported only by the engine llamacloud.",
        "system_prompt has no effect: there is no model.",
    ]


async def test_damaged_file_fails_as_it_does_when_parsed(engines: Bench) -> None:
    with pytest.raises(ItemFailure) as failed:
        await _extract(engines, "a.pdf", b"%PDF-1.4 nothing")

    assert failed.value.failure_class is FailureClass.CORRUPT


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"again": {"$ref": "#"}, "total": {"type": "number"}}},
        {"type": "object", "properties": {"any": True, "total": {"type": "number"}}},
        {"type": "object", "additionalProperties": {"type": "number"}, "properties": {}},
        {"type": "object", "properties": {"total": {"anyOf": [{"type": "number"}, True]}}},
    ],
)
def test_every_accepted_schema_can_be_extracted(schema: dict[str, Any]) -> None:
    page = ParsedPage(page_number=1, text="Total: 5")

    found = BasicExtractor().extract([page], schema, "per_doc")

    assert found.result in ({"total": 5}, {"total": 5, "any": None}, {})


def test_documented_figures_equal_the_measured_ones(corpus: Path) -> None:
    page = (ROOT / "docs/explanation/extraction.md").read_text(encoding="utf-8")

    assert measure.table(corpus) in page, measure.table(corpus)


def test_basic_extraction_of_real_documents_is_rarely_wrong(corpus: Path) -> None:
    wrong = {name: score.wrong for name, score in measure.scores(corpus).items() if score.wrong}

    # One cell of the receipt has two lines, of which only the first is the description.
    assert {name: list(fields) for name, fields in wrong.items()} == {
        "noisebridge_receipt.pdf": ["items/0/description"]
    }
