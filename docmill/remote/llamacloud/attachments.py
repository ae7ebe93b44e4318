"""Attachments of a parse by LlamaCloud: images, workbook, PDF, words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from docmill.contracts.warnings import ResultWarning, WarningCode, warning
from docmill.engines.attachments import (
    CONCATENATED_FILE,
    PDF_FILE,
    STRIPPED_FILE,
    WORDS_FILE,
    WORKBOOK_FILE,
)
from docmill.engines.base import RESULT_FILE, ParsedImage
from docmill.engines.output_files import MARKDOWN_FILE
from docmill.remote.llamacloud.answers import Image, Parse, read
from docmill.remote.llamacloud.product import Answer

MAX_IMAGES = 1_000
"""Maximum image files of one result, as for local engines."""
_OURS = frozenset(
    {
        CONCATENATED_FILE,
        MARKDOWN_FILE,
        PDF_FILE,
        RESULT_FILE,
        STRIPPED_FILE,
        WORDS_FILE,
        WORKBOOK_FILE,
    }
)
_CATEGORIES = get_args(ParsedImage.model_fields["category"].annotation)
_PARSE = "/api/v2/parse"


@dataclass(slots=True)
class Attachments:
    """The downloaded files, and warnings about missing ones."""

    files: list[str] = field(default_factory=list)
    images: list[ParsedImage] = field(default_factory=list)
    warnings: list[ResultWarning] = field(default_factory=list)


async def load_attachments(answer: Answer) -> Attachments:
    """Download the files that the job's parameters request into the output folder.

    Raises:
        UnavailableError: a host is unavailable; the next attempt downloads them again.
    """
    attachments = Attachments()
    options = answer.task.parameters.get("output_options") or {}
    for expand, file in _wanted(options):
        await _content(answer, expand, file, attachments)
    if options.get("images_to_save"):
        response = await answer.cloud.get(_PARSE, answer.job_id, ("images_content_metadata",))
        found = read(Parse, response).images_content_metadata
        await _images(answer, found.images if found else [], attachments)
    return attachments


def _wanted(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the ``expand`` value and the file name of each requested content."""
    asked = (
        (options.get("save_output_pdf"), "output_pdf_content_metadata", PDF_FILE),
        (
            (options.get("tables_as_spreadsheet") or {}).get("enable"),
            "xlsx_content_metadata",
            WORKBOOK_FILE,
        ),
        (
            "word_bbox" in (options.get("additional_outputs") or ()),
            "raw_words_content_metadata",
            WORDS_FILE,
        ),
    )
    return [(expand, file) for wanted, expand, file in asked if wanted]


async def _content(answer: Answer, expand: str, file: str, attachments: Attachments) -> None:
    """Download one content; one request each, because LlamaCloud does not document their keys."""
    response = await answer.cloud.get(_PARSE, answer.job_id, (expand,))
    found = read(Parse, response).result_content_metadata or {}
    one = next(iter(found.values()), None)
    url = one.presigned_url if one is not None and one.exists is not False else None
    if reason := await _load(answer, url, file):
        message = f"LlamaCloud returned no {file}: {reason}.".replace("..", ".")
        attachments.warnings.append(warning(WarningCode.ENGINE_NOTE, message))
    else:
        attachments.files.append(file)


async def _images(answer: Answer, images: list[Image], attachments: Attachments) -> None:
    loaded: set[str] = set()
    for image in images:
        name = image.filename
        if name not in loaded:
            if len(loaded) == MAX_IMAGES:
                message = f"More than {MAX_IMAGES} images; the rest is left out."
                attachments.warnings.append(warning(WarningCode.IMAGES_NOT_SAVED, message))
                return
            plain = name == Path(name).name and not name.startswith(".") and name not in _OURS
            reason = "its name cannot be used"
            if plain:
                reason = await _load(answer, image.presigned_url, name) or ""
            if reason:
                message = f"The image {name!r} is missing: {reason}"
                attachments.warnings.append(warning(WarningCode.IMAGES_NOT_SAVED, message))
                continue
            loaded.add(name)
        attachments.images.append(_described(image, answer.folder / name))


def _described(image: Image, path: Path) -> ParsedImage:
    return ParsedImage(
        filename=image.filename,
        category=image.category if image.category in _CATEGORIES else "embedded",
        content_type=image.content_type or "application/octet-stream",
        page_number=image.page_number,
        width=image.width,
        height=image.height,
        size_bytes=path.stat().st_size,
        bbox=image.bbox,
    )


async def _load(answer: Answer, url: str | None, name: str) -> str | None:
    most = answer.task.limits.output_bytes
    return await answer.downloads.load(url, answer.folder / name, most)
