"""Reads parse jobs and the requested parts of their results."""

import asyncio
from collections.abc import Callable, Collection

from fastapi import Request

from docmill.api.core.services import Services
from docmill.api.jobs.reader import JobReader
from docmill.api.parse import views
from docmill.api.parse.schemas import ContentMetadata, ParseAnswer, ParseJobView, Usage
from docmill.api.parse.views import expanded, images
from docmill.contracts.words import JobType
from docmill.engines.attachments import (
    CONCATENATED_FILE,
    PDF_FILE,
    STRIPPED_FILE,
    WORDS_FILE,
    WORKBOOK_FILE,
)
from docmill.engines.base import ParseResult
from docmill.records.jobs import Job


def job_view(job: Job) -> ParseJobView:
    """Return a parse job as a response model, with its tier."""
    view = ParseJobView.model_validate(job)
    view.tier = job.parameters.get("tier")
    return view


class ParseReader:
    """Reads parse jobs and their stored results."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._jobs = JobReader(services)

    async def result(self, job: Job) -> ParseResult | None:
        """Return the result of a parse job; None as long as it has none."""
        data = await self._jobs.stored(job)
        if data is None:
            return None
        # In a thread: validation of hundreds of pages takes long and would block other requests.
        return await asyncio.to_thread(ParseResult.model_validate_json, data)

    async def answer(
        self,
        project_id: str,
        job_id: str,
        wanted: Collection[str],
        request: Request,
        image_filenames: Collection[str] = (),
    ) -> ParseAnswer:
        """Return a parse job and the fields that ``wanted`` names.

        Args:
            project_id: the project of the request.
            job_id: which job.
            wanted: values of ``expand``.
            request: for the host of links.
            image_filenames: names of the requested images; empty requests all.

        Raises:
            NotFoundError: the project has no such job.
        """
        job = await self._jobs.find(project_id, JobType.PARSE, job_id)
        answer = ParseAnswer(job=job_view(job))
        if "usage" in wanted:
            answer.job.usage = Usage(credits=await self._jobs.credits(job))
        if not set(wanted) - {"usage"}:
            return answer
        result = await self.result(job)
        if result is None:
            return answer
        fields = await asyncio.to_thread(expanded, result, wanted)
        if "images_content_metadata" in wanted:
            fields["images_content_metadata"] = images(
                result,
                image_filenames,
                lambda name: (
                    self._services.links.make(
                        request, job.project_id, "results", job.id, "images", name
                    ).url
                ),
            )
        contents = await self._contents(job, result, wanted, request)
        return answer.model_copy(update={**fields, "result_content_metadata": contents})

    async def _contents(
        self, job: Job, result: ParseResult, wanted: Collection[str], request: Request
    ) -> dict[str, ContentMetadata] | None:
        """Return the requested downloadable formats."""
        found: dict[str, ContentMetadata] = {}
        for name, expand in CONTENTS.items():
            if expand not in wanted:
                continue
            size = await self._size(job, result, name)
            if size is None:
                found[name] = ContentMetadata(size_bytes=0, exists=False)
                continue
            link = self._services.links.make(request, job.project_id, "results", job.id, name)
            found[name] = ContentMetadata(size_bytes=size, presigned_url=link.url)
        return found or None

    async def _size(self, job: Job, result: ParseResult, name: str) -> int | None:
        """Return the size of one format in bytes; None if the result does not have it."""
        if stored := stored_file(name, result):
            return await self._services.store.size(await self._jobs.key_of(job, stored[0]))
        data = await asyncio.to_thread(render, name, result)
        return None if data is None else len(data)


CONTENTS = {
    "text": "text_content_metadata",
    "markdown": "markdown_content_metadata",
    "items": "items_content_metadata",
    "metadata": "metadata_content_metadata",
    "forms": "forms_content_metadata",
    "raw_words": "raw_words_content_metadata",
    "xlsx": "xlsx_content_metadata",
    "outputPDF": "output_pdf_content_metadata",
    "stripped_markdown": "stripped_markdown_content_metadata",
    "concatenated_stripped_markdown": "concatenated_stripped_markdown_content_metadata",
}
"""Name of each format, and the ``expand`` value that requests it."""

_RENDERERS: dict[str, tuple[str, Callable[[ParseResult], str]]] = {
    "text": ("text/plain; charset=utf-8", views.text_full),
    "markdown": ("text/markdown; charset=utf-8", views.markdown_full),
    "items": ("application/json", lambda result: views.items(result).model_dump_json()),
    "metadata": (
        "application/json",
        lambda result: views.metadata(result).model_dump_json(),
    ),
}


STORED: dict[str, tuple[str, str]] = {
    "stripped_markdown": (STRIPPED_FILE, "application/json"),
    "concatenated_stripped_markdown": (CONCATENATED_FILE, "text/plain; charset=utf-8"),
    "outputPDF": (PDF_FILE, "application/pdf"),
    "raw_words": (WORDS_FILE, "application/jsonl"),
    "xlsx": (
        WORKBOOK_FILE,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}
"""File and content type of each format that is stored with the result."""


def media_type_of(name: str) -> str:
    """Return the content type of a rendered format."""
    return _RENDERERS[name][0]


def stored_file(name: str, result: ParseResult) -> tuple[str, str] | None:
    """Return file and content type of a format that is stored with the result, or None."""
    file = STORED.get(name)
    return file if file is not None and file[0] in result.files else None


def stored_image(filename: str, result: ParseResult) -> tuple[str, str] | None:
    """Return file and content type of an image; None if no image has this name."""
    found = (image for image in result.images if image.filename == filename)
    return next(((image.filename, image.content_type) for image in found), None)


def render(name: str, result: ParseResult) -> bytes | None:
    """Return one format of ``result``; None if local engines do not produce it."""
    if name not in _RENDERERS:
        return None
    return _RENDERERS[name][1](result).encode()
