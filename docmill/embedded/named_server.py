"""Whether the user named a Temporal server: asked before anything of Temporal is loaded."""

import os


def names_server(profile: str | None) -> bool:
    """Whether the user named a server: TEMPORAL_ADDRESS, TEMPORAL_PROFILE or ``--profile``.

    A profile called ``default`` in Temporal's file is not enough: a command that says nothing
    of a server must not reach somebody's cluster.
    """
    return bool(profile or os.environ.get("TEMPORAL_PROFILE") or os.environ.get("TEMPORAL_ADDRESS"))
