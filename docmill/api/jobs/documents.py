"""Resolution of the source in a request: a document or a directory."""

from dataclasses import dataclass
from typing import Any

import httpx

from docmill.api.core.errors import FieldError
from docmill.api.core.scope import Scope
from docmill.api.core.services import Services
from docmill.api.core.wire import DocumentInput
from docmill.contracts.words import JobType
from docmill.errors import NotFoundError
from docmill.ids import Prefix
from docmill.outbound.fence import Fence, FencedError
from docmill.outbound.fetch import name_of
from docmill.records.database import Session
from docmill.records.directories import Directories
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.jobs import Jobs
from docmill.records.tables.sources import Directory, DirectoryFile, File
from docmill.settings import Settings


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A document that a worker fetches from a URL.

    Attributes:
        name: display name; its extension hints at the media type.
        url: its text has passed the fence.
        http_proxy: an allowed proxy.
    """

    name: str
    url: str
    http_proxy: str | None = None


Source = File | DirectoryFile | UrlSource
"""An uploaded file, a version of a directory file, or a URL."""


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """The document of a job.

    Attributes:
        kind: how the request names it.
        shown: its name in responses; a URL without its query, which may be a secret.
        parse_status: status of the parse job that the request names.
        parse_parameters: parameters of that parse job.
    """

    source: Source
    kind: DocumentInput
    shown: str
    parse_status: str | None = None
    parse_parameters: dict[str, Any] | None = None


async def find_source(session: Session, project_id: str, identifier: str) -> Source:
    """Return the file or directory file with this id; clients use both kinds of id alike.

    A directory file is read as a batch over its directory would read it: with the listed bytes,
    even if the uploaded file was deleted since, and also from a local folder.

    Raises:
        NotFoundError: the project has neither a file nor a directory file with this id.
    """
    try:
        return await Files(session).get(project_id, identifier)
    except NotFoundError:
        return await DirectoryFiles(session).live(project_id, identifier)


async def find_upload(session: Session, project_id: str, identifier: str) -> File:
    """Return the uploaded file of an id that `find_source` accepts.

    Raises:
        NotFoundError: nothing has this id.
        FieldError: it is a file in a local folder, or a URL.
    """
    source = await find_source(session, project_id, identifier)
    if isinstance(source, File):
        return source
    if not isinstance(source, DirectoryFile) or source.file_id is None:
        raise FieldError(
            f"{identifier} was not uploaded; it is read from its source.",
            "body",
            "file_id",
            hint="Upload the file to list it in another directory.",
        )
    return await Files(session).get(project_id, source.file_id, include_deleted=True)


async def find_document(
    services: Services, session: Session, scope: Scope, named: str
) -> NamedDocument:
    """Return the document that a file id, directory file id, parse job id or URL names.

    A parse job names the version of the file that it read, even if the file has changed since.

    Raises:
        FieldError: the URL is rejected.
        NotFoundError: the project has no such file or job.
    """
    if named.lower().startswith(("http://", "https://")):
        name = document_name(services.fence, named, "file_input")
        shown = str(httpx.URL(named).copy_with(query=None, fragment=None))
        return NamedDocument(UrlSource(name, named), "url", shown)
    if not named.startswith(f"{Prefix.PARSE_JOB}-"):
        source = await find_source(session, scope.project_id, named)
        return NamedDocument(source, "file_id", named)
    job = await Jobs(session).get(scope.project_id, named)
    if job.job_type != JobType.PARSE:
        raise NotFoundError(f"No parse job {named}.", "Name a file or a parse job.")
    entry = await DirectoryFiles(session).of_item(job.batch.id, job.position)
    return NamedDocument(entry, "parse_job_id", named, job.status, job.parameters)


async def find_source_directory(
    session: Session, project_id: str, directory_id: str, field: str
) -> Directory:
    """Return the current state of the directory that a new batch processes.

    Raises:
        NotFoundError: the project has no such directory.
        FieldError: it has no files; the error names ``field`` of the request body.
    """
    directory = await Directories(session).get(project_id, directory_id)
    if not directory.live_count:
        raise FieldError("The directory has no files.", "body", field)
    return directory


def state_of(source: Source) -> object:
    """Return a value that changes when the document changes."""
    if isinstance(source, DirectoryFile):
        return [source.directory_id, source.sequence]
    return source.id if isinstance(source, File) else None


def document_name(fence: Fence, url: str, field: str = "source_url") -> str:
    """Return a display name for the document at ``url``. The worker checks the host's addresses.

    Args:
        fence: checks the URL.
        url: from the request.
        field: of the request body, for the error.

    Raises:
        FieldError: the URL is rejected.
    """
    try:
        return name_of(fence.check_url(url))
    except FencedError as error:
        raise FieldError(error.message, "body", field, hint=error.hint) from None


def check_proxy(settings: Settings, proxy: str | None) -> None:
    """Reject a proxy that the operator does not allow.

    Raises:
        FieldError: it is not in ``DOCMILL_FETCH_PROXIES``.
    """
    if proxy is not None and proxy not in settings.fetch_proxies:
        raise FieldError(
            "This proxy is not allowed here.",
            "body",
            "http_proxy",
            hint="Leave it out; an operator allows proxies with DOCMILL_FETCH_PROXIES.",
        )
