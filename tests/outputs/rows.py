"""Manifest rows for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from docmill.outputs.manifest import ManifestRow

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def row(path: str = "a.pdf", **fields: Any) -> ManifestRow:
    """A completed file, unless ``fields`` say otherwise."""
    values: dict[str, Any] = {
        "path": path,
        "size": 1000,
        "sha256": "0" * 64,
        "status": "completed",
        "partial": False,
        "failure_class": None,
        "failure_message": None,
        "skip_reason": None,
        "pages_total": 3,
        "pages_ok": 3,
        "pages_failed": 0,
        "engine": "liteparse",
        "engine_version": "2.18.0",
        "attempts": 1,
        "started_at": START,
        "finished_at": START + timedelta(milliseconds=120),
        "output_path": f"{path}.json",
        "output_sha256": "0" * 64,
    }
    return ManifestRow(**values | fields)


def failed(path: str, failure_class: str = "corrupt", message: str | None = None) -> ManifestRow:
    """A failed file."""
    return row(
        path,
        status="failed",
        failure_class=failure_class,
        failure_message=message,
        pages_total=None,
        pages_ok=None,
        pages_failed=None,
        output_path=None,
        output_sha256=None,
    )


def many(count: int) -> list[ManifestRow]:
    """Completed files."""
    return [row(f"{number:06}.pdf") for number in range(count)]
