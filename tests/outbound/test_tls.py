"""TLS checks the host name although the connection goes to an address."""

import datetime
import ssl
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from docmill.outbound.fence import Fence

pytestmark = pytest.mark.integration

NAME = "files.test"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `NAME` that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    when = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(when - datetime.timedelta(days=1))
        .not_valid_after(when + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def server(certificate: Path) -> Iterator[tuple[int, list[str | None]]]:
    """An https server on loopback: its port, and the names that clients asked TLS for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: asked.append(name)
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


async def test_certificate_is_checked_against_the_host_name(
    server: tuple[int, list[str | None]], certificate: Path
) -> None:
    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    port, asked = server
    fence = Fence(hosts=frozenset({NAME, "other.test"}), resolver=here)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with httpx.AsyncClient(transport=fence.transport(verify=trusting)) as client:
        assert (await client.get(f"https://{NAME}:{port}/")).text == f"{NAME}:{port}"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get(f"https://other.test:{port}/")
    assert asked == [NAME, "other.test"]


async def test_untrusted_certificate_is_rejected(
    server: tuple[int, list[str | None]],
) -> None:
    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    fence = Fence(hosts=frozenset({NAME}), resolver=here)
    async with httpx.AsyncClient(transport=fence.transport()) as client:
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await client.get(f"https://{NAME}:{server[0]}/")
