"""Where servers listen: loopback, on ports that are free."""

import os
import socket
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
PREFERRED_UI_PORT = 8233
"""Temporal's own default, which people know."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server listens, on loopback."""

    port: int
    ui_port: int

    @property
    def grpc(self) -> str:
        """What Temporal clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui(self) -> str:
        """The Web UI's address."""
        return f"http://{LOOPBACK}:{self.ui_port}"


def choose_ports(known: Addresses | None) -> Addresses:
    """Return the former ports where they are free: open pages and workers find them again."""
    port = known.port if known and is_free(known.port) else free_port()
    for candidate in (known.ui_port if known else PREFERRED_UI_PORT, PREFERRED_UI_PORT):
        if is_free(candidate):
            return Addresses(port, candidate)
    return Addresses(port, free_port())


def is_free(port: int) -> bool:
    """Whether nobody listens on ``port`` of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def names_server(profile: str | None) -> bool:
    """Whether the user named a server: TEMPORAL_ADDRESS, TEMPORAL_PROFILE or ``--profile``.

    A profile called ``default`` in Temporal's file is not enough: a command that says nothing
    of a server must not reach somebody's cluster.
    """
    return bool(profile or os.environ.get("TEMPORAL_PROFILE") or os.environ.get("TEMPORAL_ADDRESS"))
