"""What the jobs of every product look like on the wire."""

from typing import Annotated, Literal

from pydantic import Field

from docmill.api.core.wire import ProjectId, WireModel

DocumentInput = Literal["file_id", "parse_job_id", "url"]
InputId = Annotated[str, Field(min_length=1, max_length=200)]
"""A file's id, a directory file's, a parse job's, or a URL."""


class JobDeleted(WireModel):
    """What was removed."""

    id: str
    project_id: ProjectId
