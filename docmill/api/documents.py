"""The document that a request names by one text: a file, a parse job's file, or a URL."""

from dataclasses import dataclass
from typing import Any

import httpx

from docmill.api.file_ids import resolve_file
from docmill.api.schemas.jobs import DocumentInput
from docmill.api.scope import Scope
from docmill.api.services import Services
from docmill.api.single_jobs import Source, UrlSource
from docmill.api.url_sources import checked_name
from docmill.contracts import JobType
from docmill.errors import NotFoundError
from docmill.ids import Prefix
from docmill.records.directory_files import DirectoryFiles
from docmill.records.jobs import Jobs


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """What a job works on.

    Attributes:
        kind: how it was named.
        shown: what answers call it; of a URL without its query, which may be a secret.
        parse_status: of the parse job that named it.
        parse_parameters: those that this parse job read it with.
    """

    source: Source
    kind: DocumentInput
    shown: str
    parse_status: str | None = None
    parse_parameters: dict[str, Any] | None = None


async def named_document(services: Services, scope: Scope, named: str) -> NamedDocument:
    """Return the document of a file's id, a directory file's, a parse job's, or of a URL.

    Raises:
        FieldError: the URL is refused.
        NotFoundError: the project has no such file or job.
    """
    if named.lower().startswith(("http://", "https://")):
        name = checked_name(services.fence, named, "file_input")
        shown = str(httpx.URL(named).copy_with(query=None, fragment=None))
        return NamedDocument(UrlSource(name, named), "url", shown)
    async with services.database.read() as session:
        if not named.startswith(f"{Prefix.PARSE_JOB}-"):
            return NamedDocument(await _source(session, scope, named), "file_id", named)
        job = await Jobs(session).get(scope.project_id, named)
        if job.job_type != JobType.PARSE:
            raise NotFoundError(f"No parse job {named}.", "Name a file or a parse job.")
        source = await _source(session, scope, job.file_id or job.item_id, internal=True)
    return NamedDocument(source, "parse_job_id", named, job.status, job.parameters)


async def _source(session: Any, scope: Scope, identifier: str, *, internal: bool = False) -> Source:
    """Return an uploaded file, or the entry of a file that is read where it lies."""
    try:
        return await resolve_file(session, scope.project_id, identifier)
    except NotFoundError:
        return await DirectoryFiles(session).find(scope.project_id, identifier, internal=internal)
