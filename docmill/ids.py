"""Makers of ids, and what an id's prefix says.

Every id is ``<prefix>-<uuid>``; the prefixes are LlamaCloud's. To every client an id is an
opaque string; inside the house the prefix tells the kind of the object.
"""

from enum import StrEnum
from uuid import UUID, uuid4, uuid5

_NAMESPACE = UUID("6c6b3b0e-3a57-5d0f-9c53-4f1c0c8e9d11")
"""Root of all derived ids; changing it would orphan every stored derived id."""

DEFAULT_PROJECT_ID = f"prj-{uuid5(_NAMESPACE, 'project:default')}"
"""The one project of a home without API keys."""

DEFAULT_ORGANIZATION_ID = str(uuid5(_NAMESPACE, "organization:default"))


class Prefix(StrEnum):
    """The kind of an object, as the first part of its id."""

    BATCH = "bat"
    V1_BATCH = "bjb"
    DIRECTORY = "dir"
    FILE = "dfl"
    CONFIGURATION = "cfg"
    PARSE_JOB = "pjb"
    EXTRACT_JOB = "ext"
    CLASSIFY_JOB = "clj"
    WEBHOOK_CONFIGURATION = "whc"
    WEBHOOK_ENDPOINT = "whe"
    PROJECT = "prj"
    RESULT = "res"


def new_id(prefix: Prefix) -> str:
    """Return a fresh random id."""
    return f"{prefix}-{uuid4()}"


def derived_id(prefix: Prefix, *parts: str | int) -> str:
    """Return the one id that belongs to ``parts``: the same parts always give the same id."""
    return f"{prefix}-{derived_uuid(prefix, *parts)}"


def derived_uuid(*parts: str | int) -> str:
    """Return the one UUID that belongs to ``parts``."""
    return str(uuid5(_NAMESPACE, "/".join(map(str, parts))))


def prefix_of(identifier: str) -> Prefix | None:
    """Return the kind of ``identifier``, or None when its prefix is not one of ours."""
    head = identifier.partition("-")[0]
    return Prefix(head) if head in set(Prefix) else None
