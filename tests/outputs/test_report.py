"""The report: correct, small, and safe with any file names."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from docmill.contracts.warnings import WarningCode, warning
from docmill.contracts.words import BatchStatus
from docmill.errors import GUIDES, FailureClass
from docmill.outputs.findings import NO_TYPE, Findings, summary_line
from docmill.outputs.formats import duration, percent, rate, size
from docmill.outputs.manifest import ManifestRow
from docmill.outputs.report import headline, render_report, subline, write_report
from docmill.outputs.report_data import BatchFacts, ReportData
from tests.outputs.rows import START, failed, row


def report(*rows: Any, status: BatchStatus = BatchStatus.COMPLETED, **facts: Any) -> ReportData:
    values: dict[str, Any] = {
        "started_at": START,
        "ended_at": START + timedelta(seconds=10),
        **facts,
    }
    data = ReportData(BatchFacts("bat-1", "my folder", "parse", status, **values))
    for one in rows:
        data.add(one)
    return data


class Page(HTMLParser):
    """The elements of a page, its links, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


KNOWN = {"status": "skipped", "skip_reason": "already_processed"}
LARGE = {"status": "skipped", "skip_reason": "size_limit_exceeded"}


@pytest.mark.parametrize(
    ("rows", "status", "sentence"),
    [
        ([], BatchStatus.COMPLETED, "There were no files to process."),
        ([row()], BatchStatus.COMPLETED, "The file is done."),
        ([row()] * 3, BatchStatus.COMPLETED, "All 3 files are done."),
        ([row(), row(**KNOWN)], BatchStatus.COMPLETED, "All 2 files are done."),
        ([row(), failed("b")], BatchStatus.COMPLETED, "1 of 2 files are done, 1 failed."),
        ([row(), row(**LARGE)], BatchStatus.COMPLETED, "1 of 2 files are done, 1 skipped."),
        ([failed("b")], BatchStatus.COMPLETED, "The file failed."),
        (
            [row(), row(status="cancelled")],
            BatchStatus.CANCELLED,
            "Cancelled after 1 of 2 files.",
        ),
        (
            [row(), row(status="pending")],
            BatchStatus.FAILED,
            "The batch failed with 1 of 2 files done.",
        ),
    ],
)
def test_headline_states_the_outcome(rows: list[Any], status: BatchStatus, sentence: str) -> None:
    data = report(*rows, status=status)
    assert headline(data) == sentence
    assert sentence in Page(render_report(data)).text


def test_report_shows_the_reason_of_a_cancelled_batch() -> None:
    data = report(row(), status=BatchStatus.CANCELLED, reason="wrong folder.")
    assert subline(data).startswith("The reason: wrong folder. 3 pages from 1 file")


def test_failures_are_grouped_with_meaning_and_advice() -> None:
    page = Page(
        render_report(
            report(
                failed("a.pdf", "encrypted"), failed("b.pdf"), failed("c.pdf", message="xref bad")
            )
        )
    )
    for failure_class in (FailureClass.ENCRYPTED, FailureClass.CORRUPT):
        assert GUIDES[failure_class].meaning in page.text
        assert GUIDES[failure_class].advice in page.text
    assert page.text.index("2 Corrupt") < page.text.index("1 Encrypted")
    assert "c.pdf xref bad" in page.text


def test_report_names_skipped_partial_and_vanished_files() -> None:
    data = report(
        row("p.pdf", partial=True, pages_total=30, pages_ok=29, pages_failed=1),
        row(**KNOWN),
        row("huge.pdf", **LARGE),
        vanished=("gone.pdf",),
        vanished_count=150,
    )
    text = Page(render_report(data)).text
    assert "1 of 30 pages failed" in text
    assert "1 file was unchanged since the last run" in text
    assert "huge.pdf" in text
    assert "gone.pdf" in text
    assert "and 149 more" in text


HOSTILE = [
    "<script>alert(1)</script>.pdf",
    '"><img src=x onerror=alert(1)>.pdf',
    "javascript:alert(1).pdf",
    "//evil.example/a.pdf",
    "{{ 7*7 }}{% raw %}.pdf",
    "\u202egpj.exe\x1b[31m\n</style>.pdf",
    "a.<b>x</b>",
]


def test_hostile_names_and_messages_are_escaped() -> None:
    rows = [row(name) for name in HOSTILE]
    rows += [failed(name, message=name) for name in HOSTILE]
    rows += [row(name, partial=True) for name in HOSTILE]
    rows += [row(name, **LARGE) for name in HOSTILE]
    html = render_report(report(*rows, reason="<b>", vanished=HOSTILE, vanished_count=7))
    page = Page(html)
    assert not page.tags & {"script", "img", "b", "iframe", "object", "link"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    links = [value or "" for name, value in page.attributes if name in ("href", "src")]
    assert links
    assert all(link.startswith("./") for link in links)
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "<script>alert(1)</script>.pdf" in page.text
    assert "{{ 7*7 }}" in page.text


def test_report_page_is_self_contained() -> None:
    html = render_report(report(row(), failed("b")))
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_huge_batch_makes_a_small_report(tmp_path: Path) -> None:
    data = report(vanished=[f"gone-{n}" for n in range(100)], vanished_count=10**6)
    classes = list(FailureClass)
    for number in range(20_000):
        data.add(failed(f"folder/{number}.x{number}", classes[number % 16], "m" * 500))
        data.add(row(f"folder/{number}.y{number}", partial=True))
        data.add(row(f"folder/{number}.z{number}", **LARGE))
    write_report(tmp_path / "report.html", data)
    assert (tmp_path / "report.html").stat().st_size < 600_000
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert "more; the manifest names them all" in Page(render_report(data)).text


def test_ends_of_files_over_days_are_spread_over_the_time_of_the_batch() -> None:
    data = report()
    for number in range(6_000):
        data.add(row(f"{number}.pdf", finished_at=START + timedelta(minutes=number + 0.5)))
    data.facts = replace(data.facts, ended_at=START + timedelta(minutes=6_000))
    assert sum(data.timeline) == 6_000
    assert all(97 <= count <= 103 for count in data.timeline)


def test_times_are_counted_in_one_pass() -> None:
    data = report()
    for number in range(1, 101):
        data.add(row(f"{number}.pdf", finished_at=START + timedelta(milliseconds=10 * number)))
    assert sum(data.bars) == sum(data.timeline) == 100
    assert data.median == pytest.approx(0.5, rel=0.07)
    assert [file.path for file in data.slowest[:2]] == ["100.pdf", "99.pdf"]
    assert len(data.slowest) == 20


def test_report_survives_inconsistent_times() -> None:
    data = report(
        row(started_at=START, finished_at=START - timedelta(hours=1)),
        row(started_at=None),
        row(finished_at=START + timedelta(days=3)),
        started_at=START,
        ended_at=START - timedelta(seconds=1),
    )
    assert "3 files" in render_report(data)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "0 ms"),
        (0.08, "80 ms"),
        (0.9999, "1.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (133, "2 min 13 s"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_time_is_formatted_for_display(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_number_is_formatted_for_display() -> None:
    assert [size(n) for n in (0, 999, 1500, 250_000, 3 * 10**9)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "250 kB",
        "3.0 GB",
    ]
    assert [percent(*p) for p in ((0, 9), (9, 9), (1, 10**6), (999_999, 10**6), (1, 3))] == [
        "0%",
        "100%",
        "<0.1%",
        "99.9%",
        "33%",
    ]
    assert [rate(r, "files") for r in (1234.4, 3.21, 0.05)] == [
        "1,234 files/s",
        "3.2 files/s",
        "3.0 files/min",
    ]


def test_report_counts_the_types_of_a_classification() -> None:
    findings = Findings("classify")
    for kind in ("<b>bill", "<b>bill", None, "letter"):
        findings.add(json.dumps({"result": {"type": kind, "confidence": 0.9}}).encode())
    findings.add(None)
    data = report(row(), row())
    data.findings = findings

    page = Page(render_report(data))

    assert findings.ranked == [("<b>bill", 2), (NO_TYPE, 1), ("letter", 1)]
    assert "Types NameFiles <b>bill2 (no rule fits)1" in page.text
    assert "b" not in page.tags


def test_report_counts_fields_with_a_value() -> None:
    findings = Findings("extract")
    for result in (
        {"total": 0, "note": None, "items": [{"a": None}], "paid": False},
        [{"total": 1}, {"total": 2, "note": ""}, {"items": [{"a": 1}]}],
    ):
        findings.add(json.dumps({"result": result}).encode())

    assert dict(findings.counts) == {"total": 2, "paid": 1, "items": 1}
    assert summary_line("extract", {"total": 0, "note": None}) == "total: 0"
    assert summary_line("extract", [{}, {"total": 1}]) == "2: total: 1"
    assert summary_line("extract", {}) == "nothing found"


def test_warnings_are_bounded_and_grouped_by_code_with_losses_first() -> None:
    def warned(path: str, *codes: WarningCode) -> ManifestRow:
        return row(path, warnings=[warning(code, f"<b>{code}</b>", 2) for code in codes])

    note, doubt, loss = WarningCode.OCR_ADDED, WarningCode.CHARSET_GUESSED, WarningCode.NO_TEXT
    many = [warned(f"{n:04}.pdf", note) for n in range(300)]
    data = report(*many, warned("b.txt", doubt, doubt), warned("c.txt", loss, note), row("d.txt"))
    page = Page(render_report(data))

    assert [(group.code, group.count) for group in data.warned] == [
        (loss, 1),
        (doubt, 1),
        (note, 301),
    ]
    assert data.warned_count == 2
    assert len(data.warned[2].examples) == 100
    assert "2 files have warnings." in subline(data)
    assert "Completed with warnings" in page.text
    assert "<b>no_text</b>" in page.text, "shown as text, never as an element"
    assert "b" not in page.tags


def test_report_counts_and_names_entries_left_out() -> None:
    left_out = {"symlink": {"count": 30, "names": ["a<i>.pdf", "b.pdf"]}}
    page = Page(render_report(report(row(), left_out=left_out)))

    assert "Left out of the listing" in page.text
    assert "30 symlinks" in page.text
    assert "a<i>.pdf" in page.text
    assert "and 28 more" in page.text
    assert "Left out" not in Page(render_report(report(row()))).text
