"""Ids of objects: creation, and the kind of an object by the prefix of its id.

Every id is ``<prefix>-<uuid>`` with LlamaCloud's prefixes. Clients treat ids as opaque strings.
"""

from enum import StrEnum
from hashlib import sha1
from uuid import UUID, uuid4, uuid5

_NAMESPACE = UUID("6c6b3b0e-3a57-5d0f-9c53-4f1c0c8e9d11")
"""Namespace of all derived ids; it must not change, because derived ids are stored."""

DEFAULT_PROJECT_ID = f"prj-{uuid5(_NAMESPACE, 'project:default')}"
"""The project of an installation without API keys."""

DEFAULT_ORGANIZATION_ID = str(uuid5(_NAMESPACE, "organization:default"))


class Prefix(StrEnum):
    """The kinds of objects, and the prefixes of their ids."""

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
    SYNC = "syn"


def new_id(prefix: Prefix) -> str:
    """Return a new random id."""
    return f"{prefix}-{uuid4()}"


def derived_id(prefix: Prefix, *parts: str | int) -> str:
    """Return the id for ``parts``: the same parts always give the same id."""
    return f"{prefix.value}-{derived_uuid(prefix.value, *parts)}"


def derived_uuid(*parts: str | int) -> str:
    """Return the UUID for ``parts``: the same parts always give the same UUID."""
    # As `uuid.uuid5` does it, without the object: every item of a listing pays for this.
    name = _NAMESPACE.bytes + "/".join(map(str, parts)).encode()
    digest = bytearray(sha1(name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50  # version 5
    digest[8] = digest[8] & 0x3F | 0x80  # variant of RFC 4122
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def prefix_of(identifier: str) -> Prefix | None:
    """Return the kind of ``identifier``, or None if its prefix is unknown."""
    head = identifier.partition("-")[0]
    return Prefix(head) if head in set(Prefix) else None
