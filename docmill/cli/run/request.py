"""The options of a run command, and the identity that makes two of them the same run."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from docmill.cli.run.job_parameters import JobFlags, parameters_of
from docmill.cli.run.output_folder import Owner, claim, default_out
from docmill.contracts.batches import BatchSpec, JobSpec
from docmill.contracts.names import MAX_GROUP
from docmill.contracts.warnings import WarningCode, strict_codes
from docmill.contracts.words import JobType
from docmill.engines.choice import engine_of
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.objects.places import Place
from docmill.outputs.destinations import Destination, destination_of
from docmill.parameters import effective_parameters
from docmill.settings import Settings
from docmill.sources.base import Source
from docmill.sources.choice import resolve_source


@dataclass(frozen=True, slots=True)
class Pace:
    """Paging, concurrency and failure thresholds of a batch; None takes the default."""

    page_size: int | None = None
    continue_as_new_threshold: int | None = None
    items_per_activity: int | Literal["auto"] | None = None
    concurrency: int | None = None
    max_failures: int | None = None
    max_failure_rate: float | None = None


def items_per_activity_of(text: str | None) -> int | Literal["auto"] | None:
    """Return the value of ``--items-per-activity``.

    Raises:
        UsageError: it is neither ``auto`` nor a number from 1 to 64.
    """
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= MAX_GROUP:
        return int(text)
    raise UsageError(
        f"{text} files cannot share an activity.", f"Give a number from 1 to {MAX_GROUP}, or auto."
    )


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The command line of one run, as typed."""

    source: Place
    out: Place | None = None
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    strict: tuple[str, ...] | None = None
    pace: Pace = Pace()
    flags: JobFlags = field(default_factory=JobFlags)

    @property
    def job(self) -> JobType:
        """The product."""
        return self.flags.job


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked run.

    Attributes:
        source: the files to take.
        out: where the results go.
        parameters: effective parameters of the job.
        strict: codes of warnings that turn a completed file into a failed one.
        identity: hash of what makes two runs the same; pace is no part of it.
        request: the options as typed.
    """

    source: Source
    out: Destination
    parameters: dict[str, Any]
    strict: tuple[WarningCode, ...]
    identity: str
    request: RunRequest

    def claim_out(self) -> None:
        """Take the destination of the results, before anything is written to it.

        Raises:
            UsageError: another run has just taken it, or it may not be written.
            UnavailableError: it cannot be written now.
        """
        owner = Owner(self.source.location, self.request.job.value)
        try:
            claim(self.out, owner, named=self.request.out is not None)
        finally:
            self.out.close()

    def spec(self, directory_id: str | None) -> BatchSpec:
        """Return the batch over the scanned directory; of a sync, without a source."""
        request, pace = self.request, self.request.pace
        return BatchSpec(
            project_id=DEFAULT_PROJECT_ID,
            source_directory_id=directory_id,
            job=JobSpec(type=request.job, parameters=self.parameters),
            page_size=pace.page_size,
            continue_as_new_threshold=pace.continue_as_new_threshold,
            items_per_activity=pace.items_per_activity,
            concurrency=pace.concurrency,
            max_failures=pace.max_failures,
            max_failure_rate=pace.max_failure_rate,
            strict=self.strict,
        )


def plan_of(request: RunRequest, settings: Settings) -> Plan:
    """Check a request.

    Raises:
        UsageError: the source, the destination or a parameter cannot be used, or no engine is
            configured for the job.
    """
    place = request.out or default_out(Owner.of(request.source, request.job))
    out = destination_of(place, settings.scratch)
    source = resolve_source(
        request.source,
        recursive=request.recursive,
        include=request.include,
        exclude=request.exclude,
        leave_out=(settings.home, place),
        follow_links=request.follow_links,
    )
    parameters = effective_parameters(request.job, parameters_of(request.flags))
    engine_of(request.job, parameters, settings)
    strict = strict_codes(settings.strict if request.strict is None else request.strict)
    plan = Plan(source, out, parameters, strict, "", request)
    return replace(plan, identity=_identity(plan))


def _identity(plan: Plan) -> str:
    """The same folder, output, job, parameters, filters and strictness are the same run."""
    source = plan.source
    what: dict[str, Any] = {
        "project": DEFAULT_PROJECT_ID,
        "folder": source.location,
        "out": plan.out.location,
        "job": plan.request.job.value,
        "parameters": plan.parameters,
        "filters": [source.recursive, sorted(source.include), sorted(source.exclude)],
    }
    if source.as_json().get(
        "follow_links"
    ):  # absent otherwise: batches from before this option are resumed
        what["follow_links"] = True
    if plan.strict:
        what["strict"] = plan.strict
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
