"""Where workers are, on a server that the user named, and whether they can get at the files."""

import socket
from collections.abc import Sequence

from docmill.cli.office import Office
from docmill.cli.options import program
from docmill.cli.runtime import Connection
from docmill.cli.voice import Voice
from docmill.contracts import BATCH_QUEUE
from docmill.embedded.connect import pollers
from docmill.errors import UsageError


async def needs_upload(office: Office, temporal: Connection, voice: Voice) -> bool:
    """Whether the files must go to the shared store; says so when nobody works.

    Raises:
        UsageError: workers on other machines cannot reach this home's records or results.
    """
    identities = await pollers(temporal.client, BATCH_QUEUE)
    if not identities:
        voice.say(
            f"No worker polls {temporal.address}: the batch waits until one does "
            f"({program()} worker).",
            style="yellow",
        )
    # A store that was left at its default lies in the home, which only this machine has.
    shared = not office.database.is_sqlite and bool(office.settings.store_url)
    return upload_is_needed(identities, socket.gethostname(), shared=shared)


def upload_is_needed(identities: Sequence[str], host: str, *, shared: bool) -> bool:
    """Decide by the workers' identities (``pid@host``).

    Args:
        identities: of the workers that poll.
        host: this machine's name.
        shared: whether records and store can be reached from other machines.

    Raises:
        UsageError: a worker is elsewhere, and nothing is shared.
    """
    all_here = all(identity.rpartition("@")[2] == host for identity in identities)
    if not shared and not all_here:
        raise UsageError(
            "Workers on other machines cannot reach the records and results in this home.",
            "Set DOCMILL_DATABASE_URL and DOCMILL_STORE_URL to what they use, here as well.",
        )
    return shared and not (identities and all_here)
