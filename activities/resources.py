"""What the activities of one worker process that work on items share."""

from dataclasses import dataclass, field
from uuid import uuid4

from activities.gate import Gate
from docmill.objects.base import ObjectStore
from docmill.objects.staging import Staging
from docmill.processing.engines import ItemEngines
from docmill.records.database import Database
from docmill.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """What it takes to work on items.

    Attributes:
        database: of the records.
        store: where uploads are and results go.
        engines: those of this worker.
        scratch: for what is not yet whole.
        settings: limits.
        gate: lets activities with local engines in.
        worker: identity of this process in claims.
    """

    database: Database
    store: ObjectStore
    engines: ItemEngines
    scratch: Staging
    settings: Settings
    gate: Gate = field(default_factory=Gate)
    worker: str = field(default_factory=lambda: uuid4().hex)
