"""Request and response models of files."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from docmill.api.core.wire import MAX_IDS, Name, PresignedUrl, ProjectId, RequestModel, WireModel
from docmill.records.files import FileOrder

Purpose = Literal["user_data", "parse", "extract", "split", "classify", "sheet", "agent_app"]


class FileView(WireModel):
    """An uploaded file; ``file_type`` is its extension without the dot."""

    id: str
    name: str
    project_id: ProjectId
    file_type: str | None = None
    external_file_id: str | None = None
    purpose: str | None = None
    last_modified_at: datetime | None = None
    expires_at: datetime | None = None
    download_url: PresignedUrl | None = None


class FileFilter(RequestModel, extra="forbid"):
    """Filter of a query over files. Unknown filters are rejected: without them more files match.

    Attributes:
        only_manually_uploaded: has no effect: every file of this API was uploaded.
        data_source_id: must be null: there are no data sources.
        project_id: files of other projects are never found.
    """

    file_ids: Annotated[list[str], Field(max_length=MAX_IDS)] | None = None
    file_name: Name | None = None
    external_file_id: Name | None = None
    only_manually_uploaded: bool | None = None
    data_source_id: None = None
    project_id: str | None = None


class FileQuery(RequestModel):
    """A query over files, in the older form of LlamaCloud's API."""

    filter: FileFilter | None = None
    order_by: FileOrder | None = None
    page_size: int | None = Field(default=None, ge=1)
    page_token: str | None = None
