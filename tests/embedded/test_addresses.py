"""Listening sockets of HTTP servers."""

import socket

import pytest

from docmill.embedded.addresses import LOOPBACK, listen


@pytest.mark.integration
def test_connections_send_a_response_in_two_writes_without_waiting_for_an_acknowledgement() -> None:
    with listen(LOOPBACK, 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
