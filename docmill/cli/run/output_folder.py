"""The output folder of a run and its owner; the default is never that of another run."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from docmill.contracts.scans import RUN_FILE
from docmill.contracts.words import JobType
from docmill.errors import UsageError
from docmill.objects.places import Place
from docmill.outputs.destinations import Destination, FolderDestination
from docmill.outputs.names import MANIFEST_LINES

OUT_ROOT = Path("docmill-out")
_DIGITS = 8
"""Number of digits of the hash that distinguishes folders of the same name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """What a folder of results belongs to: the folder that was read, and the job.

    Attributes:
        folder: absolute, without symlinks; or the URL of a bucket.
    """

    folder: str
    job: str

    @classmethod
    def of(cls, place: Place, job: JobType) -> "Owner":
        """Return the owner for a run of ``job`` over a folder or a bucket."""
        where = place.expanduser().resolve() if isinstance(place, Path) else place
        return cls(str(where), job.value)

    @property
    def short_hash(self) -> str:
        """A few digits that differ from owner to owner."""
        return hashlib.sha256(f"{self.folder}\n{self.job}".encode()).hexdigest()[:_DIGITS]

    def __str__(self) -> str:
        return f"{self.folder} ({self.job})"


def default_out(owner: Owner) -> Path:
    """Return where the results of a run go that names no folder for them.

    That is ``docmill-out/NAME``, or ``docmill-out/NAME-HASH`` when the former belongs to another
    folder of the same name or to another job. The same run gets the same folder again.

    Raises:
        UsageError: both belong to others.
    """
    plain = OUT_ROOT / (Path(owner.folder).name or "root")
    other = plain.with_name(f"{plain.name}-{owner.short_hash}")
    for out in (plain, other):
        if _may_have(out, owner):
            return out.absolute()
    raise UsageError(
        f"{plain} and {other} hold the results of other folders.",
        "Name a folder of its own with --out.",
    )


def claim(out: Destination, owner: Owner, *, named: bool) -> None:
    """Record the owner of the results at a destination, before the first of them is written.

    Args:
        out: the destination; a folder is made.
        owner: owner of the results.
        named: whether the user named the destination, and thus may assign it to another owner.

    Raises:
        UsageError: another run has taken it, or it may not be written.
        UnavailableError: it cannot be written now.
    """
    out.prepare()
    data = f"{json.dumps({'folder': owner.folder, 'job': owner.job})}\n".encode()
    if named:
        if owner_of(out) != owner:
            out.change(RUN_FILE, lambda _: data)
        return
    out.change(RUN_FILE, lambda known: data if known is None else known)
    if owner_of(out) != owner:
        raise UsageError(
            f"Another run began to write to {out.location} just now.",
            "Run the same command again: it takes another folder.",
        )


def owner_of(out: Destination) -> Owner | None:
    """Return the owner of the results at a destination; None if it is not recorded."""
    try:
        said = json.loads(out.read(RUN_FILE) or b"")
        return Owner(str(said["folder"]), str(said["job"]))
    except (ValueError, KeyError, TypeError):
        return None


def _may_have(out: Path, owner: Owner) -> bool:
    """Whether the owner may use a folder: its own, or one without results."""
    known = owner_of(FolderDestination(out))
    if known is not None:
        return known == owner
    return not (out / MANIFEST_LINES).exists() and not (out / RUN_FILE).exists()
