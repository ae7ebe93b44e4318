"""Request and response models of directories and their files."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from docmill.api.core.wire import (
    Metadata,
    Name,
    PresignedUrl,
    ProjectId,
    RequestMetadata,
    RequestModel,
    SystemMetadata,
    UtcTime,
    WireModel,
)

Description = Annotated[str, Field(max_length=10_000)]
DirectoryType = Literal["user", "index", "ephemeral"]


class DirectoryView(WireModel):
    """A named set of files."""

    id: str
    name: str
    project_id: ProjectId
    type: DirectoryType | None = None
    description: str | None = None
    system_metadata: dict[str, Any] | None = None
    connector_subscription_id: str | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


class DirectoryCreate(RequestModel):
    """A new directory; names need not be unique."""

    name: Name
    type: Literal["user", "ephemeral"] = "user"
    description: Description | None = None
    system_metadata: SystemMetadata | None = None
    connector_subscription_id: Annotated[str, Field(max_length=200)] | None = None
    expires_at: UtcTime | None = None


class DirectoryUpdate(RequestModel):
    """Changes of a directory; omitted fields keep their values, null clears the description."""

    name: Name | None = None
    description: Description | None = None


class FolderSourceCreate(RequestModel):
    """A local folder as the source of a directory; it must be below an allowed root."""

    folder: Path
    recursive: bool = True
    include: list[str] = Field(default_factory=list, max_length=100)
    exclude: list[str] = Field(default_factory=list, max_length=100)
    follow_links: bool = False


class BucketSourceCreate(RequestModel):
    """A bucket as the source of a directory; it must be below an allowed URL.

    ``bucket`` is ``s3://name/prefix``, ``gs://name/prefix`` or ``az://container/prefix``.
    """

    bucket: str = Field(min_length=1, max_length=2048)
    recursive: bool = True
    include: list[str] = Field(default_factory=list, max_length=100)
    exclude: list[str] = Field(default_factory=list, max_length=100)


class SourceDirectoryCreate(RequestModel):
    """A new directory over a source; the same source is the same directory."""

    name: Name
    source: FolderSourceCreate | BucketSourceCreate


class LeftOutView(WireModel):
    """Files and folders that a listing excludes for one reason, with the first 20 names."""

    count: int
    names: list[str]


class SyncSummary(WireModel):
    """Result of a sync; ``vanished`` names at most 100 entries.

    ``left_out`` counts the files in the source that the listing excludes, by reason.
    """

    directory_id: str
    total: int
    new: int
    changed: int
    vanished_count: int
    vanished: list[str]
    left_out: dict[str, LeftOutView] = Field(default_factory=dict)


class DirectoryFileView(WireModel):
    """One file of a directory."""

    id: str
    directory_id: str
    project_id: ProjectId
    unique_id: str
    display_name: str
    file_id: str | None = None
    metadata: Metadata = Field(default_factory=dict)
    download_url: PresignedUrl | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


class DirectoryFileNames(RequestModel):
    """Names and metadata of a directory file."""

    display_name: Name | None = None
    unique_id: Name | None = None
    metadata: RequestMetadata | None = None


class DirectoryFileForm(DirectoryFileNames):
    """The text parts of an upload into a directory."""

    external_file_id: Name | None = None


class DirectoryFileAttach(DirectoryFileNames):
    """An uploaded file to add to a directory."""

    file_id: str


class DirectoryFileUpdate(DirectoryFileNames):
    """Changes of a directory file; omitted fields keep their values, null clears the metadata."""

    target_directory_id: str | None = None


class BulkDelete(RequestModel):
    """Directory files to delete; all must belong to the directory."""

    directory_file_ids: Annotated[list[str], Field(min_length=1, max_length=100)]
