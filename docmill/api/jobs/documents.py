"""What a request names as its source: documents, the same for every product, and directories."""

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
    """A document that a worker will fetch.

    Attributes:
        name: for people; its ending is a hint of what it is.
        url: checked, as far as its text tells.
        http_proxy: an allowed one.
    """

    name: str
    url: str
    http_proxy: str | None = None


Source = File | DirectoryFile | UrlSource
"""An uploaded file, a version of a directory's entry, or a URL."""


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


async def find_source(session: Session, project_id: str, identifier: str) -> Source:
    """Return what a file's id or a directory file's means: clients use both alike.

    A directory's entry counts as a batch over the directory would take it: with the bytes that it
    lists, also when the uploaded file was deleted by itself, or when it lies in a local folder.

    Raises:
        NotFoundError: the project has no such file, and no directory of it lists such an entry.
    """
    try:
        return await Files(session).get(project_id, identifier)
    except NotFoundError:
        return await DirectoryFiles(session).live(project_id, identifier)


async def find_upload(session: Session, project_id: str, identifier: str) -> File:
    """Return the uploaded bytes that an id of `find_source` means.

    Raises:
        NotFoundError: there is nothing of this id.
        FieldError: the entry is read where it lies.
    """
    source = await find_source(session, project_id, identifier)
    if isinstance(source, File):
        return source
    if not isinstance(source, DirectoryFile) or source.file_id is None:
        raise FieldError(
            f"{identifier} is read where it lies; it has no uploaded bytes.",
            "body",
            "file_id",
            hint="Upload the file to list it in another directory.",
        )
    return await Files(session).get(project_id, source.file_id, include_deleted=True)


async def find_document(
    services: Services, session: Session, scope: Scope, named: str
) -> NamedDocument:
    """Return the document of a file's id, a directory file's, a parse job's, or of a URL.

    A parse job stands for the version that it has read, whatever became of its file since.

    Raises:
        FieldError: the URL is refused.
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
    """Return the directory that a batch is to be over, as it is now.

    Raises:
        NotFoundError: the project has no such directory.
        FieldError: it has no files; ``field`` of the body named it.
    """
    directory = await Directories(session).get(project_id, directory_id)
    if not directory.live_count:
        raise FieldError("The directory has no files.", "body", field)
    return directory


def state_of(source: Source) -> object:
    """Return what tells one state of a document from another."""
    if isinstance(source, DirectoryFile):
        return [source.directory_id, source.sequence]
    return source.id if isinstance(source, File) else None


def document_name(fence: Fence, url: str, field: str = "source_url") -> str:
    """Return a name for the document at ``url``; what its host leads to, the worker checks.

    Args:
        fence: where URLs may lead.
        url: as the request has it.
        field: of the request's body, for the error.

    Raises:
        FieldError: the URL is refused.
    """
    try:
        return name_of(fence.check_url(url))
    except FencedError as error:
        raise FieldError(error.message, "body", field, hint=error.hint) from None


def check_proxy(settings: Settings, proxy: str | None) -> None:
    """Refuse a proxy that the operator does not name.

    Raises:
        FieldError: it is not among the allowed ones.
    """
    if proxy is not None and proxy not in settings.fetch_proxies:
        raise FieldError(
            "This proxy is not allowed here.",
            "body",
            "http_proxy",
            hint="Leave it out; an operator allows proxies with DOCMILL_FETCH_PROXIES.",
        )
