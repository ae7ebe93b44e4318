"""The HTML report of a batch, a self-contained page."""

from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from docmill.contracts.scans import LEFT_OUT_WORDS
from docmill.contracts.warnings import WARNING_GUIDES
from docmill.contracts.words import BatchStatus, Outcome
from docmill.errors import GUIDES, FailureClass, FailureGuide
from docmill.objects.durable import move_into_place
from docmill.objects.staging import Staging
from docmill.outputs import formats
from docmill.outputs.files import writing_to
from docmill.outputs.report_data import BOUNDS, ReportData

TEMPLATES = Path(__file__).parent / "templates"


def write_report(path: Path, data: ReportData) -> None:
    """Write the report of a batch, atomically.

    Raises:
        UsageError: the folder is not writable.
        UnavailableError: it cannot be written now.
    """
    with writing_to(path.parent), closing(Staging(path.parent)) as staging:
        staged = staging.fresh()
        staged.write_text(render_report(data), encoding="utf-8")
        move_into_place(staged, path)


def render_report(data: ReportData) -> str:
    """Return the report as HTML."""
    return report_template().render(
        data=data,
        facts=data.facts,
        headline=headline(data),
        subline=subline(data),
        shares=_shares(data),
        bars=_bars(data),
    )


def report_template() -> Template:
    """Return the report's template; an early call compiles it before the batch ends."""
    return environment().get_template("report.html.jinja")


@cache
def environment() -> Environment:
    """Return the Jinja environment with autoescape; other pages of Docmill share its templates."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        number=formats.number,
        plural=formats.plural,
        duration=formats.duration,
        rate=formats.rate,
        size=formats.size,
        visible=formats.visible,
        href=_href,
        words=lambda name: name.replace("_", " ").capitalize(),
    )
    templates.globals.update(
        guide=_guide,
        left_out_words=LEFT_OUT_WORDS,
        percent=formats.percent,
        skips=formats.SKIPS,
        meanings=WARNING_GUIDES,
    )
    return templates


def headline(data: ReportData) -> str:
    """Return the sentence about the outcome of the batch."""
    if data.facts.status is BatchStatus.CANCELLED:
        return f"Cancelled after {data.done:,} of {formats.plural(data.total, 'file')}."
    if data.facts.status is BatchStatus.FAILED:
        return f"The batch failed with {data.done:,} of {formats.plural(data.total, 'file')} done."
    if data.total == 0:
        return "There were no files to process."
    if data.done == data.total:
        return "The file is done." if data.total == 1 else f"All {data.total:,} files are done."
    failed = data.counts[Outcome.FAILED]
    skipped = data.total - data.done - failed
    if data.total == 1:
        return "The file failed." if failed else "The file was skipped."
    parts = [f"{failed:,} failed"] if failed else []
    parts += [f"{skipped:,} skipped"] if skipped else []
    return f"{data.done:,} of {data.total:,} files are done, {', '.join(parts)}."


def subline(data: ReportData) -> str:
    """Return the sentences below the headline: pages, duration, warnings, skipped files."""
    sentences = []
    if data.facts.status in (BatchStatus.CANCELLED, BatchStatus.FAILED) and data.facts.reason:
        sentences.append(f"The reason: {data.facts.reason.rstrip('.')}.")
    if data.worked:
        time = f" in {formats.duration(data.elapsed)}" if data.elapsed else ""
        pages = formats.plural(data.pages_ok, "page")
        worked = formats.plural(data.counts[Outcome.COMPLETED], "file")
        sentences.append(f"{pages} from {worked}{time}.")
    if data.warned_count:
        verb = "has" if data.warned_count == 1 else "have"
        sentences.append(f"{formats.plural(data.warned_count, 'file')} {verb} warnings.")
    if spared := data.counts[Outcome.SKIPPED]:
        known = data.skips["already_processed"]
        if known == spared:
            sentences.append(f"{formats.plural(known, 'file')} had been processed before.")
    return " ".join(sentences)


def _shares(data: ReportData) -> list[tuple[str, str, int]]:
    """Return the non-empty parts of the outcome bar: style, label, number of files."""
    unfinished = data.total - sum(data.counts[outcome] for outcome in Outcome)
    parts = [
        ("completed", "completed", data.counts[Outcome.COMPLETED] - data.partial_count),
        ("partial", "completed in part", data.partial_count),
        ("skipped", "skipped", data.counts[Outcome.SKIPPED]),
        ("cancelled", "cancelled", data.counts[Outcome.CANCELLED]),
        ("failed", "failed", data.counts[Outcome.FAILED]),
        ("unfinished", "without an outcome", unfinished),
    ]
    return [part for part in parts if part[2]]


def _bars(data: ReportData) -> list[tuple[str, int]]:
    """Return the histogram of durations as labels and counts, without empty bars at its ends."""
    labels = [f"< {formats.duration(bound)}" for bound in BOUNDS[:-1]]
    bars = list(zip([*labels, f"≥ {formats.duration(BOUNDS[-2])}"], data.bars, strict=True))
    filled = [place for place, (_, count) in enumerate(bars) if count]
    return bars[filled[0] : filled[-1] + 1] if filled else []


def _guide(failure_class: str) -> FailureGuide:
    known = failure_class in set(FailureClass)
    return GUIDES[FailureClass(failure_class) if known else FailureClass.INTERNAL]


def _href(path: str) -> str:
    """Return a relative link to a file of the output folder; the prefix rules out URL schemes."""
    return "./" + quote(path)
