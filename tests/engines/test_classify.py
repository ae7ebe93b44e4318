"""Classification in the engines' child processes, and the meaning of its confidence."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.classify import measure, varied
from docmill.contracts.words import JobType
from docmill.engines.base import EngineTask
from docmill.engines.classify.base import ClassifyResult, Rule
from docmill.engines.classify.basic import BasicClassifier
from docmill.engines.execute import run_task
from docmill.engines.parse import Watcher
from docmill.engines.registry import Registry
from docmill.errors import FailureClass, ItemFailure
from docmill.parameters import effective_parameters
from tests.engines import documents
from tests.fixtures.api import ROOT
from tests.fixtures.engines import Bench

RULES = [
    {"type": "invoice", "description": "A bill that asks for payment of goods or services"},
    {"type": "seafaring", "description": "Stories of ships, harbours, storms and sailors"},
]
INVOICE = "Invoice no. 7\nBill to: Miller\nAmount due: 80.00\nPayment terms: 14 days\n"
POEM = "I wandered lonely as a cloud.\n"


async def _classify(bench: Bench, name: str, data: bytes | str, **parsing: Any) -> ClassifyResult:
    path = bench.folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    output = bench.folder / f"out-{len(list(bench.folder.iterdir()))}"
    output.mkdir()
    given = {"rules": RULES, "parsing_configuration": parsing}
    parameters = effective_parameters(JobType.CLASSIFY, given)
    report = await bench.pool.run(
        EngineTask("classify", str(path), name, str(output), parameters=parameters)
    )
    assert report.files == [file.name for file in output.iterdir()] == ["result.json"]
    assert (report.engine, report.engine_version) == ("basic", BasicClassifier.version)
    return ClassifyResult.model_validate_json((output / "result.json").read_bytes())


async def test_classification_quotes_the_cues_of_its_type(engines: Bench) -> None:
    found = await _classify(engines, "a.txt", INVOICE)

    assert found.result.type == "invoice"
    assert found.result.confidence > 0.9
    assert "“amount due”" in found.result.reasoning
    assert (found.text_engine, found.product) == ("text", "classify")


async def test_description_words_find_a_type_outside_the_known_families(engines: Bench) -> None:
    found = await _classify(
        engines, "a.txt", "The storm drove both ships past the harbour; two sailors were lost.\n"
    )

    assert found.result.type == "seafaring"
    assert "sailors" in found.result.reasoning


@pytest.mark.parametrize("text", [POEM, "42\n"])
async def test_document_without_a_matching_rule_has_no_type(engines: Bench, text: str) -> None:
    found = await _classify(engines, "a.txt", text)

    assert found.result.type is None
    assert 0.5 <= found.result.confidence <= 1
    assert found.result.reasoning


async def test_only_requested_pages_are_read(engines: Bench) -> None:
    pages = documents.pdf(
        "A quiet", "place", "by day", "and by", "night", "Invoice no 7 amount due"
    )

    first = await _classify(engines, "a.pdf", pages)
    last = await _classify(engines, "a.pdf", pages, target_pages="6")

    assert (first.pages_total, first.document_pages, first.result.type) == (5, 6, None)
    assert (last.pages_total, last.result.type) == (1, "invoice")


async def test_damaged_file_fails_as_it_does_when_parsed(engines: Bench) -> None:
    with pytest.raises(ItemFailure) as failed:
        await _classify(engines, "a.pdf", b"%PDF-1.4 nothing")

    assert failed.value.failure_class is FailureClass.CORRUPT
    assert failed.value.engine == "liteparse"


async def test_as_many_rules_as_allowed_reach_the_child_in_any_script(engines: Bench) -> None:
    (engines.folder / "a.txt").write_text(POEM)
    (engines.folder / "out").mkdir()
    rules = [
        {"type": f"{n}" + "\U0001f40b" * 40, "description": "\U0001f433" * 2000} for n in range(200)
    ]
    parameters = effective_parameters(JobType.CLASSIFY, {"rules": rules})

    await engines.pool.run(
        EngineTask(
            "classify",
            str(engines.folder / "a.txt"),
            "a.txt",
            str(engines.folder / "out"),
            parameters=parameters,
        )
    )

    written = json.loads((engines.folder / "out/result.json").read_text())
    assert written["result"]["type"] is None


@pytest.mark.parametrize("product", ["classify", "translate"])
def test_file_fails_when_no_engine_has_its_product(tmp_path: Path, product: str) -> None:
    with pytest.raises(ItemFailure) as failed:
        run_task(EngineTask(product, "a.txt", "a.txt", str(tmp_path)), Registry(), Watcher())

    assert failed.value.failure_class is FailureClass.UNSUPPORTED_TYPE


def test_two_rules_of_one_type_do_not_compete() -> None:
    rules = [Rule(**rule) for rule in RULES]
    twice = [*rules, Rule("invoice", "Demands for money that suppliers send to us")]

    one = BasicClassifier().classify(INVOICE, rules)
    both = BasicClassifier().classify(INVOICE, twice)

    assert one.type == both.type == "invoice"
    assert both.confidence > 0.9


def test_documented_figures_equal_the_measured_ones() -> None:
    page = (ROOT / "docs/explanation/classification.md").read_text(encoding="utf-8")
    found = measure.answers(measure.HELD_OUT)

    assert measure.accuracy_table(found) in page
    assert measure.reliability_table(found) in page
    assert f"error of {measure.calibration_error(found):.3f}" in page

    arbitrary = measure.varied_answers(varied.HELD_OUT)
    assert measure.accuracy_table(arbitrary) in page
    assert measure.reliability_table(arbitrary) in page


def test_confident_classifications_are_right() -> None:
    found = measure.answers(measure.HELD_OUT)

    confident = [one for one in found if one.confidence >= 0.8]
    assert len(confident) > len(found) / 4
    assert all(one.right for one in confident)


@pytest.mark.parametrize("half", [varied.TUNING, varied.HELD_OUT], ids=lambda half: half.stem)
def test_confidence_of_nine_tenths_is_right_under_arbitrary_rules(half: Path) -> None:
    found = measure.varied_answers(half)

    sure = [one for one in found if one.confidence >= 0.9]
    assert len(sure) >= len(found) / 16
    assert sum(one.right for one in sure) >= 0.95 * len(sure)
    assert sum(one.case.expected is None for one in found) == len(found) / 2


def test_patent_is_not_classified_by_words_of_its_subject() -> None:
    text = (
        "(12) United States Patent\n(10) Patent No.: US 9,876,543 B2\n(57) ABSTRACT\n"
        "A network whose results exceed a baseline on a dataset, as in arXiv:1409.0473.\n"
        "References cited: Mori et al., Methods and experiments. What is claimed is: 1. A method\n"
    )
    paper = Rule("research_paper", "A scientific paper with abstract, method and references")
    patent = Rule("patent", "A patent with claims and inventors")

    with_its_rule = BasicClassifier().classify(text, [paper, patent])
    without = BasicClassifier().classify(text, [paper])

    assert (with_its_rule.type, with_its_rule.confidence > 0.9) == ("patent", True)
    assert without.type is None or without.confidence <= 0.75


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("NEWS\n\nVersion 2.1\n\nReported bugs are fixed.\n", "news_article"),
        ("Invoice generator\n\nA tool that makes an invoice from a template.\n", "invoice"),
        (
            "Invoice processing policy\nGive the invoice number, amount due and payment terms.\n",
            "invoice",
        ),
        ("INVOICE 881\nBill to: Oak Farm\nAmount due: 80.00\n", "dental_invoice"),
    ],
    ids=[
        "a name that means other things",
        "about such documents",
        "about such documents, with their cues",
        "another of its family",
    ],
)
def test_type_name_in_a_title_alone_limits_the_confidence(text: str, rule: str) -> None:
    found = BasicClassifier().classify(text, [Rule(rule, "What the name of the type says")])

    assert found.type is None or found.confidence <= 0.75


def test_classifier_documents_are_many_and_held_out_ones_are_separate() -> None:
    tuning, held_out = (measure.documents(half) for half in (measure.TUNING, measure.HELD_OUT))
    labels = [label for label, _ in tuning]

    assert len(tuning) + len(held_out) >= 60
    assert len(set(labels)) > 10
    assert sorted(labels) == sorted(label for label, _ in held_out)
    assert not {text for _, text in tuning} & {text for _, text in held_out}
