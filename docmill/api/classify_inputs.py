"""What a classify request names: a document, and rules."""

from dataclasses import dataclass
from typing import Any

from docmill.api.configured import configured_parameters
from docmill.api.errors import FieldError
from docmill.api.file_ids import resolve_file
from docmill.api.schemas.classify import ClassifyCreate, DocumentInput
from docmill.api.scope import Scope
from docmill.api.services import Services
from docmill.contracts import JobType
from docmill.errors import NotFoundError
from docmill.ids import Prefix
from docmill.parameters import effective_parameters
from docmill.records.jobs import Jobs
from docmill.records.tables import File


@dataclass(frozen=True, slots=True)
class ClassifyInput:
    """The document of a job, and by what kind of id it was named."""

    file: File
    kind: DocumentInput


async def input_of(services: Services, scope: Scope, body: ClassifyCreate) -> ClassifyInput:
    """Return the file that a request names, by its own id, a directory file's or a parse job's.

    Raises:
        FieldError: it is a URL.
        NotFoundError: the project has no such file or job, or the file lies in a folder.
    """
    named = body.document
    if named.startswith(("http://", "https://")):
        raise FieldError(
            "Docmill does not fetch URLs yet.", "body", "file_input", hint="Upload the file."
        )
    by_job = body.parse_job_id is not None or named.startswith(f"{Prefix.PARSE_JOB}-")
    async with services.database.read() as session:
        if not by_job:
            return ClassifyInput(await resolve_file(session, scope.project_id, named), "file_id")
        job = await Jobs(session).get(scope.project_id, named)
        if job.job_type != JobType.PARSE:
            raise NotFoundError(f"No parse job {named}.", "Name a file or a parse job.")
        file = await resolve_file(session, scope.project_id, job.file_id or job.item_id or "")
        return ClassifyInput(file, "parse_job_id")


async def rules_of(services: Services, scope: Scope, body: ClassifyCreate) -> dict[str, Any]:
    """Return the parameters that a request gives, or names by a configuration.

    Raises:
        NotFoundError: there is no such configuration.
        UsageError: it configures another product.
    """
    if body.configuration is not None:
        given = body.configuration.model_dump(mode="json", exclude_none=True)
    else:
        saved = (services, scope, body.configuration_id or "", "classify_v2", "body")
        given = await configured_parameters(*saved)
    return effective_parameters(JobType.CLASSIFY, given)
