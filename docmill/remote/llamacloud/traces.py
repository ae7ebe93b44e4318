"""What one run has begun and made at the other side, as its attempts have saved it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from docmill.records.steps import Steps

FILE = "file"
JOB = "job"

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Traces:
    """What is known to be there, or may be.

    Attributes:
        file: id of the upload, and the other side's time of it.
        file_begun: whether an upload was begun.
        job: id of the job.
        job_begun: whether a create was begun.
    """

    file: dict[str, Any] | None
    file_begun: bool
    job: str | None
    job_begun: bool

    @classmethod
    async def read(cls, steps: Steps) -> "Traces":
        """Return what all attempts so far have left."""
        return cls(
            file=await steps.get(FILE),
            file_begun=bool(await steps.get(_begun(FILE))),
            job=await steps.get(JOB),
            job_begun=bool(await steps.get(_begun(JOB))),
        )


async def once(
    steps: Steps,
    name: str,
    find: Callable[[], Awaitable[Made | None]],
    make: Callable[[], Awaitable[Made]],
) -> Made:
    """Make something at the other side, unless an earlier attempt did.

    An attempt says what it is about to do before it does it. So one that finds such a word, but
    nothing made, knows that an answer was lost, and looks before it asks again.
    """
    made: Made | None = await steps.get(name)
    if made is not None:
        return made
    if await steps.get(_begun(name)):
        made = await find()
    else:
        await steps.put(_begun(name), True)
    if made is None:
        made = await make()
    await steps.put(name, made)
    return made


def _begun(name: str) -> str:
    return f"{name}_begun"
