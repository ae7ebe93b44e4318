"""Projects, files, directories with their entries, and configurations."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from docmill.records.encryption import EncryptedJson
from docmill.records.tables.base import BigInt, Table, indexed_text, now


class Project(Table):
    """The owner of all other objects. Every query is restricted to one project."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    organization_id: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)
    archived_at: Mapped[datetime | None]
    """Time from which it is read-only."""
    deleted_at: Mapped[datetime | None]
    """Start of its deletion; the row is deleted last."""
    requests_per_second: Mapped[float | None]
    """Like the limits below, None for none; held against callers with keys."""
    burst: Mapped[int | None]
    max_upload_bytes: Mapped[int | None] = mapped_column(BigInt)
    """Of one upload."""
    max_open_batches: Mapped[int | None]
    max_stored_bytes: Mapped[int | None] = mapped_column(BigInt)
    """Of all uploads and results that are kept."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class File(Table):
    """Uploaded bytes and their properties."""

    __tablename__ = "files"
    __table_args__ = (
        Index(None, "project_id", "created_at", "id"),
        Index("ix_files_external", "project_id", indexed_text("external_file_id")),
        Index(None, "project_id", "sha256"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInt)
    sha256: Mapped[str]
    object_key: Mapped[str]
    content_type: Mapped[str | None]
    external_file_id: Mapped[str | None]
    purpose: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Directory(Table):
    """A named set of files.

    ``sequence`` numbers every change and is incremented under the row's lock. ``watermark`` is the
    highest number that readers see, ``live_count`` the number of entries visible at it. A scan
    inserts entries above the watermark, and publishes them at its end by raising it.
    """

    __tablename__ = "directories"
    __table_args__ = (
        Index(None, "project_id", "created_at", "id"),
        UniqueConstraint("project_id", "source_key"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    type: Mapped[str] = mapped_column(default="user")
    description: Mapped[str | None]
    system_metadata: Mapped[dict[str, Any] | None]
    connector_subscription_id: Mapped[str | None]
    source: Mapped[dict[str, Any] | None]
    """Source of scanned entries: ``{"folder": …, …}`` or ``{"bucket": "s3://…", …}``."""
    source_key: Mapped[str | None]
    """Hash of ``source``. Equal sources use the same directory."""
    left_out: Mapped[dict[str, Any] | None]
    """Files that the last scan omitted, by reason; see `docmill.contracts.scans`."""
    scan_id: Mapped[str | None]
    """The scan that may write. A newer scan replaces it."""
    sequence: Mapped[int] = mapped_column(BigInt, default=0)
    watermark: Mapped[int] = mapped_column(BigInt, default=0)
    live_count: Mapped[int] = mapped_column(BigInt, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    expires_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class DirectoryFile(Table):
    """One version of one entry of a directory.

    Rows never change what they list. A new version is a new row with a higher ``sequence`` and the
    same ``id``; ``removed_sequence`` of the old row is the number from which it no longer counts.
    The listing at a watermark W is: ``sequence <= W`` and not removed by W. Names, metadata and
    ``sha256`` (known when the bytes are first read) may be filled in later.
    """

    __tablename__ = "directory_files"
    __table_args__ = (
        Index(None, "id", "sequence"),
        Index("ix_directory_files_unique", "directory_id", indexed_text("unique_id"), "sequence"),
        Index(None, "directory_id", "created_at", "id"),
    )

    directory_id: Mapped[str] = mapped_column(ForeignKey("directories.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInt, primary_key=True)
    removed_sequence: Mapped[int | None] = mapped_column(BigInt)
    id: Mapped[str]
    project_id: Mapped[str]
    unique_id: Mapped[str]
    """For scanned entries: the relative path, escaped if it is not UTF-8."""
    display_name: Mapped[str]
    file_id: Mapped[str | None] = mapped_column(ForeignKey("files.id"))
    """The uploaded bytes; None for an entry that is read in place."""
    source_path: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Relative path in the source, as raw bytes."""
    source_url: Mapped[str | None]
    """URL from which a worker fetches the bytes; deleted afterwards, because it may be secret."""
    http_proxy: Mapped[str | None]
    """Proxy for the URL."""
    signature: Mapped[str | None]
    """Size with mtime and ctime, or with the ETag, by which changed files are recognised."""
    size: Mapped[int] = mapped_column(BigInt)
    sha256: Mapped[str | None]
    file_metadata: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    deleted_at: Mapped[datetime | None]


class ScanMark(Table):
    """Entries that a running scan has seen.

    One row is a bitmap over `docmill.records.scans.BLOCK` sequence numbers, so that a scan of a
    million unchanged files writes about a hundred small rows.
    """

    __tablename__ = "scan_marks"

    directory_id: Mapped[str] = mapped_column(ForeignKey("directories.id"), primary_key=True)
    block: Mapped[int] = mapped_column(BigInt, primary_key=True)
    bits: Mapped[bytes] = mapped_column(LargeBinary)


class Sync(Table):
    """A source whose new and changed files are processed again and again, into one destination.

    The directory's files up to ``watermark`` were synced.
    """

    __tablename__ = "syncs"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Derived from what makes two syncs the same; see `docmill.cli.run.request`."""
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    source: Mapped[dict[str, Any]]
    """As in `Directory`."""
    out: Mapped[str]
    """Path of a folder or URL of a bucket."""
    spec: Mapped[dict[str, Any]]
    """`docmill.contracts.batches.BatchSpec` without a source."""
    delete_vanished: Mapped[bool] = mapped_column(default=False)
    """Whether results of files that are gone are deleted."""
    watermark: Mapped[int] = mapped_column(BigInt, default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Configuration(Table):
    """Named parameters of one product. `ConfigurationVersion` stores all versions."""

    __tablename__ = "configurations"
    __table_args__ = (
        UniqueConstraint("project_id", "product_type", "name"),
        Index(None, "project_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    product_type: Mapped[str]
    version: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(EncryptedJson)
    """Those of the product, and webhook endpoints with their headers and secrets."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class ConfigurationVersion(Table):
    """One version of a configuration."""

    __tablename__ = "configuration_versions"

    configuration_id: Mapped[str] = mapped_column(
        ForeignKey("configurations.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(EncryptedJson)
    created_at: Mapped[datetime] = mapped_column(default=now)
