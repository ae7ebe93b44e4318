"""Routes of downloads by signed URL; the signature is the authorization."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response

from docmill.api.core.downloads import Content, download
from docmill.api.core.errors import Responses
from docmill.api.core.links import CONTENT_PREFIX
from docmill.api.core.services import LinkedServices, Services
from docmill.api.core.wire import Problem
from docmill.api.jobs.reader import JobReader
from docmill.api.parse.reader import ParseReader, media_type_of, render, stored_file, stored_image
from docmill.engines.base import ParseResult
from docmill.errors import NotFoundError
from docmill.records.directory_files import DirectoryFiles
from docmill.records.files import Files
from docmill.records.jobs import Job, Jobs
from docmill.records.tables.sources import File

router = APIRouter(prefix=CONTENT_PREFIX, tags=["Docmill: downloads"])

_OCTETS: dict[str, dict[str, str]] = {"application/octet-stream": {}}
BYTES: Responses = {
    200: {"content": _OCTETS, "description": "The bytes."},
    206: {"content": _OCTETS, "description": "The range that Range requests."},
    416: {"model": Problem, "description": "There are no such bytes."},
}


@router.get("/files/{file_id}", response_class=Response, responses=BYTES)
@router.head("/files/{file_id}", include_in_schema=False)
async def download_file(services: LinkedServices, request: Request, file_id: str) -> Response:
    """Return the bytes of an uploaded file."""
    async with services.database.read() as session:
        file = await Files(session).get(None, file_id)
    return await _uploaded(services, request, file, file.name)


@router.get("/directory-files/{item_id}", response_class=Response, responses=BYTES)
async def download_directory_file(
    services: LinkedServices, request: Request, item_id: str
) -> Response:
    """Return the bytes of a directory file, even if the uploaded file was deleted since."""
    async with services.database.read() as session:
        entry = await DirectoryFiles(session).live(None, item_id)
        file_id = entry.file_id or ""
        file = await Files(session).get(None, file_id, include_deleted=True)
    return await _uploaded(services, request, file, entry.display_name)


async def _uploaded(services: Services, request: Request, file: File, name: str) -> Response:
    if request.method == "GET":  # asking for its size downloads nothing
        await services.database.audit([file.id])
    if not file.object_key or await services.store.size(file.object_key) is None:
        raise NotFoundError(f"The bytes of {file.id} are gone.")
    media_type = file.content_type or "application/octet-stream"
    content = _content(services, file.object_key)
    return download(request, name, media_type, file.size, content)


@router.get("/results/{job_id}/images/{filename}", response_class=Response, responses=BYTES)
@router.head("/results/{job_id}/images/{filename}", include_in_schema=False)
async def download_image(
    services: LinkedServices, request: Request, job_id: str, filename: str
) -> Response:
    """Return one image of a parse job's result."""
    job, result = await _result_of(services, job_id)
    image = stored_image(filename, result)
    if image is None:
        raise NotFoundError(f"The job {job_id} has no image {filename}.")
    return await _stored(services, request, job, *image)


@router.get("/results/{job_id}/{name}", response_class=Response, responses=BYTES)
@router.head("/results/{job_id}/{name}", include_in_schema=False)
async def download_result(
    services: LinkedServices, request: Request, job_id: str, name: str
) -> Response:
    """Return one format of a parse job's result."""
    job, result = await _result_of(services, job_id)
    if file := stored_file(name, result):
        return await _stored(services, request, job, *file)
    data = await asyncio.to_thread(render, name, result)
    if data is None:
        raise NotFoundError(f"The job {job_id} has no {name}.")

    async def content(start: int) -> AsyncIterator[bytes]:
        yield data[start:]

    return download(request, f"{job.name}.{name}", media_type_of(name), len(data), content)


def _content(services: Services, key: str) -> Content:
    return lambda start: services.store.stream(key, start=start)


async def _result_of(services: Services, job_id: str) -> tuple[Job, ParseResult]:
    async with services.database.read() as session:
        job = await Jobs(session).get(None, job_id)
    result = await ParseReader(services).result(job)
    if result is None:
        raise NotFoundError(f"The job {job_id} has no result.")
    return job, result


async def _stored(
    services: Services, request: Request, job: Job, filename: str, media_type: str
) -> Response:
    """Return a file that is stored next to the result."""
    key = await JobReader(services).key_of(job, filename)
    size = await services.store.size(key)
    if size is None:
        raise NotFoundError(f"The file {filename} of {job.id} is gone.")
    content = _content(services, key)
    return download(request, f"{job.name}.{filename}", media_type, size, content)
