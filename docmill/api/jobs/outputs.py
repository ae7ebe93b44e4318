"""Where a request may have the results of its batch written."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from docmill.api.core.errors import FieldError
from docmill.api.core.wire import RequestModel, wire_project
from docmill.errors import UsageError
from docmill.objects.places import BucketUrl, place_of
from docmill.records.tables.sources import Directory
from docmill.settings import Settings
from docmill.sources.choice import source_of

PROJECT = "{project_id}"
"""Stands in the settings for the id of the request's project, as the API shows it: a UUID."""


class FolderOutput(RequestModel):
    """A folder of the workers for the results; it must be below an allowed root."""

    folder: Annotated[str, Field(min_length=1, max_length=4096)]


class BucketOutput(RequestModel):
    """A bucket for the results; it must be below an allowed URL.

    ``bucket`` is ``s3://name/prefix``, ``gs://name/prefix`` or ``az://container/prefix``.
    """

    bucket: Annotated[str, Field(min_length=1, max_length=2048)]


def output_location(
    settings: Settings,
    project_id: str,
    asked: FolderOutput | BucketOutput | None,
    directory: Directory | None,
) -> str | None:
    """Return the folder or the URL for the results of a batch; None if it names none.

    Args:
        settings: of the server.
        project_id: of the request.
        asked: the request.
        directory: the source of the batch, if it is one directory.

    Raises:
        FieldError: it is not below an allowed place, or it is the source itself. The error is the
            same whether or not the place exists.
    """
    if asked is None:
        return None
    if isinstance(asked, BucketOutput):
        field, location = "bucket", str(_bucket(settings, project_id, asked.bucket))
    else:
        field, location = "folder", str(_folder(settings, project_id, asked.folder))
    source = source_of(directory.source) if directory and directory.source else None
    if source is not None and place_of(source.location) == place_of(location):
        raise FieldError(
            "The source cannot be read and written at the same time.", "body", "output", field
        )
    return location


def _bucket(settings: Settings, project_id: str, asked: str) -> BucketUrl:
    try:
        url = BucketUrl.parse(asked)
    except UsageError as error:
        raise FieldError(error.message, "body", "output", "bucket", hint=error.hint) from None
    allowed = (BucketUrl.parse(_own(it, project_id)) for it in settings.destination_buckets)
    if not any(url.below(place) is not None for place in allowed):
        raise FieldError(
            "The bucket is not below an allowed URL.",
            "body",
            "output",
            "bucket",
            hint="Name it in DOCMILL_DESTINATION_BUCKETS.",
        )
    return url


def _folder(settings: Settings, project_id: str, asked: str) -> Path:
    """Return the real folder, which need not exist yet."""
    try:
        real = Path(asked).resolve() if Path(asked).is_absolute() else None
    except (OSError, RuntimeError, ValueError):
        real = None
    home = settings.home.resolve()
    roots = [Path(_own(str(root), project_id)).resolve() for root in settings.destination_roots]
    if (
        real is None
        or not any(map(real.is_relative_to, roots))
        or real.is_relative_to(home)
        or home.is_relative_to(real)
    ):
        raise FieldError(
            "The folder is not below an allowed root.",
            "body",
            "output",
            "folder",
            hint="Name its root in DOCMILL_DESTINATION_ROOTS.",
        )
    return real


def _own(setting: str, project_id: str) -> str:
    return setting.replace(PROJECT, wire_project(project_id))
