"""Projects on the wire."""

from datetime import datetime

from docmill.api.wire import ProjectId, WireModel


class ProjectView(WireModel):
    """A project; read only in this API."""

    id: ProjectId
    name: str
    organization_id: str
    is_default: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
