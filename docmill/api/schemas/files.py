"""Files on the wire."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from docmill.api.wire import PresignedUrl, RequestModel, WireModel

Purpose = Literal["user_data", "parse", "extract", "split", "classify", "sheet", "agent_app"]


class FileView(WireModel):
    """An uploaded file; ``file_type`` is its extension without the dot."""

    id: str
    name: str
    project_id: str
    file_type: str | None = None
    external_file_id: str | None = None
    purpose: str | None = None
    last_modified_at: datetime | None = None
    expires_at: datetime | None = None
    download_url: PresignedUrl | None = None


class FileFilter(RequestModel):
    """Which files a query asks for; what Docmill does not know of them is ignored."""

    file_ids: list[str] | None = None
    file_name: str | None = None
    external_file_id: str | None = None


class FileQuery(RequestModel):
    """A query over files, in upstream's older form."""

    filter: FileFilter | None = None
    order_by: str | None = None
    page_size: int | None = Field(default=None, ge=1)
    page_token: str | None = None
