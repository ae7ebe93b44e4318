"""The words of access: roles, limits of a project, and who did what."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a key may do in its project; each may do what those before it may."""

    READ = "read"
    """Look at everything, results included."""
    WRITE = "write"
    """Upload, create, cancel, change, delete."""
    ADMIN = "admin"
    """Reserved for managing keys over HTTP; today the same as `WRITE`."""

    def allows(self, needed: "Role") -> bool:
        """Whether a key of this role may do what needs ``needed``."""
        order = tuple(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a project may use; None sets no limit.

    Attributes:
        requests_per_second: requests of its keys together, over all API processes.
        burst: requests that may come at once; None: what comes in a second.
        max_upload_bytes: of one upload.
        max_open_batches: batches and jobs of their own that have not ended.
        max_stored_bytes: of all uploads and results that are kept.
    """

    requests_per_second: float | None = None
    burst: int | None = None
    max_upload_bytes: int | None = None
    max_open_batches: int | None = None
    max_stored_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, and what: as the audit log has it.

    Attributes:
        name: ``key:<id>``, ``local`` for the API without keys, or ``cli:<user>``.
        action: the operation's name.
        objects: ids of what it names; those of what it makes are found when they are written.
    """

    name: str
    action: str
    objects: tuple[str, ...] = ()
