"""The object store: local files, or S3, GCS and Azure by URL."""

from docmill.objects.base import ObjectStore
from docmill.objects.opening import open_store

__all__ = ["ObjectStore", "open_store"]
