"""What a run command asks for, and what makes two of them the same."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docmill.contracts import (
    DEFAULT_CONTINUE_AS_NEW_THRESHOLD,
    DEFAULT_PAGE_SIZE,
    BatchSpec,
    JobSpec,
    JobType,
)
from docmill.errors import UsageError
from docmill.ids import DEFAULT_PROJECT_ID
from docmill.parameters import effective_parameters
from docmill.settings import Settings
from docmill.sources.folder import FolderSource

OUT_ROOT = Path("docmill-out")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """The command line of one run, as typed."""

    folder: Path
    out: Path | None = None
    recursive: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tier: str | None = None
    config: Path | None = None
    page_size: int | None = None
    continue_as_new_threshold: int | None = None
    concurrency: int | None = None
    job: JobType = JobType.PARSE
    rules: Path | None = None
    force: bool = False
    max_failures: int | None = None
    max_failure_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked run.

    Attributes:
        source: the files to take.
        out: absolute folder of the results.
        parameters: effective parameters of the job.
        identity: hash of what makes two runs the same; pace is no part of it.
        request: what was typed.
    """

    source: FolderSource
    out: Path
    parameters: dict[str, Any]
    identity: str
    request: RunRequest

    def spec(self, directory_id: str) -> BatchSpec:
        """Return the batch over the scanned directory."""
        request = self.request
        return BatchSpec(
            project_id=DEFAULT_PROJECT_ID,
            source_directory_id=directory_id,
            job=JobSpec(type=request.job, parameters=self.parameters),
            page_size=request.page_size or DEFAULT_PAGE_SIZE,
            continue_as_new_threshold=request.continue_as_new_threshold
            or DEFAULT_CONTINUE_AS_NEW_THRESHOLD,
            concurrency=request.concurrency,
            max_failures=request.max_failures,
            max_failure_rate=request.max_failure_rate,
        )


def plan_of(request: RunRequest, settings: Settings) -> Plan:
    """Check a request.

    Raises:
        UsageError: the folder, the output folder or a parameter cannot be used.
    """
    out = request.out or OUT_ROOT / (request.folder.expanduser().resolve().name or "root")
    out = out.expanduser().resolve()
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", "Name a folder for --out.")
    source = FolderSource.resolve(
        request.folder,
        recursive=request.recursive,
        include=request.include,
        exclude=request.exclude,
        leave_out=(settings.home, out),
    )
    parameters = effective_parameters(request.job, _parameters(request))
    return Plan(source, out, parameters, _identity(source, out, parameters, request.job), request)


def _parameters(request: RunRequest) -> dict[str, Any]:
    parameters = read_config(request.config) if request.config else {}
    if request.force:
        parameters["disable_cache"] = True
    if request.job is JobType.CLASSIFY:
        return parameters | _rules(request, parameters)
    if request.rules:
        raise UsageError("--rules is for --job classify.", "Say --job classify, or leave it out.")
    return parameters | ({"tier": request.tier} if request.tier else {})


def _rules(request: RunRequest, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that the file of rules holds: a list of rules, or ``rules`` in it."""
    if request.tier:
        raise UsageError("--tier is for --job parse.", "Leave --tier out.")
    if request.rules is None:
        if "rules" in parameters:
            return {}
        raise UsageError(
            "A classification needs rules.",
            "Name a YAML or JSON file with --rules: a list of {type, description}.",
        )
    loaded = _load(request.rules)
    if isinstance(loaded, list):
        return {"rules": loaded}
    if not isinstance(loaded, dict) or "rules" not in loaded:
        raise UsageError(
            f"The file {request.rules} holds no rules.",
            "Write a list of {type, description}, or one under the name rules.",
        )
    return loaded


def read_config(path: Path) -> dict[str, Any]:
    """Return the parameters that a YAML or JSON file holds.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    loaded = _load(path)
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise UsageError(
            f"The file {path} holds no parameters.", "Write one `name: value` a line: tier: fast"
        )
    return loaded


def _load(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be read: {error.strerror}.", "Name a YAML or JSON file."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The file {path} is neither YAML nor JSON: {error}", "Mend the line that it names."
        ) from None


def _identity(source: FolderSource, out: Path, parameters: dict[str, Any], job: JobType) -> str:
    """The same folder, output, job, parameters and filters are the same run."""
    what = {
        "project": DEFAULT_PROJECT_ID,
        "folder": str(source.folder),
        "out": str(out),
        "job": job.value,
        "parameters": parameters,
        "filters": [source.recursive, sorted(source.include), sorted(source.exclude)],
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
