"""Addresses of servers: free ports on loopback, or a Temporal server that the user names."""

import os
import socket
from dataclasses import dataclass

from docmill.errors import UnavailableError

LOOPBACK = "127.0.0.1"
PREFERRED_UI_PORT = 8233
"""Temporal's default."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of a server on loopback."""

    port: int
    ui_port: int

    @property
    def grpc(self) -> str:
        """The address for Temporal clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui(self) -> str:
        """The URL of the Web UI."""
        return f"http://{LOOPBACK}:{self.ui_port}"


def choose_ports(known: Addresses | None) -> Addresses:
    """Return the previous ports if they are free, so that open pages and workers reconnect."""
    port = known.port if known and is_free(known.port) else free_port()
    for candidate in (known.ui_port if known else PREFERRED_UI_PORT, PREFERRED_UI_PORT):
        if is_free(candidate):
            return Addresses(port, candidate)
    return Addresses(port, free_port())


def is_free(port: int) -> bool:
    """Whether no process listens on ``port`` of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a free port of loopback."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, so that a log can name its port.

    Raises:
        UnavailableError: the port is in use, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise UnavailableError(
            f"Port {port} cannot be used: {error.strerror}.", "Choose another one with --port."
        ) from error
    # asyncio sets it only on sockets made with IPPROTO_TCP. A response is two writes, and without
    # it the second one waits for the client's delayed acknowledgement, 40 ms on Linux.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL at which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def names_server(profile: str | None) -> bool:
    """Whether the user named a server: TEMPORAL_ADDRESS, TEMPORAL_PROFILE or ``--profile``.

    A profile ``default`` in Temporal's file does not count: a command without a named server must
    not connect to a cluster by accident. This check does not import Temporal's client.
    """
    return bool(profile or os.environ.get("TEMPORAL_PROFILE") or os.environ.get("TEMPORAL_ADDRESS"))
