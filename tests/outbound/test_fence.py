"""The fence: URLs of private addresses are rejected, and the checked address is connected to."""

import re
import socket
from collections.abc import Iterator, Sequence

import httpx
import pytest

from docmill.errors import UsageError
from docmill.outbound.fence import Fence, FencedError
from tests.fixtures.web import Page, WebServer

TRICKS = r"""
http://127.0.0.1/
http://127.0.0.1:8080/
http://127.1/
http://127.0.1/
http://127.255.255.254/
http://2130706433/
http://0x7f000001/
http://0x7f.0.0.1/
http://0X7F.1/
http://0177.0.0.1/
http://017700000001/
http://127.0.0.0x1/
http://0/
http://0.0.0.0/
http://127.0.0.1./
http://localhost./
http://localhost/
https://LocalHost:8443/
http://anything.localhost/
http://example.com./
http://example.com..//
http://.example.com/
http://1.1.1.1./
http://10.0.0.1/
http://10.255.255.255/
http://100.64.0.1/
http://100.100.100.200/latest/meta-data/
http://168.63.129.16/
http://169.254.169.254/latest/meta-data/
http://169.254.170.2/v2/credentials
http://2852039166/latest/meta-data/
http://0xa9fea9fe/
http://0251.0376.0251.0376/
http://172.16.0.1/
http://172.31.255.255/
http://192.168.1.1/
http://192.0.0.192/
http://192.0.2.1/
http://192.88.99.1/
http://198.18.0.1/
http://198.51.100.7/
http://203.0.113.7/
http://224.0.0.1/
http://239.255.255.250/
http://240.0.0.1/
http://255.255.255.255/
http://[::]/
http://[::1]/
http://[0:0:0:0:0:0:0:1]/
http://[::127.0.0.1]/
http://[::ffff:127.0.0.1]/
http://[::ffff:7f00:1]/
http://[::ffff:169.254.169.254]/
http://[::ffff:0:127.0.0.1]/
http://[64:ff9b::7f00:1]/
http://[64:ff9b::169.254.169.254]/
http://[64:ff9b:1::a00:1]/
http://[2002:7f00:1::]/
http://[2002:a9fe:a9fe::1]/
http://[2001::7f00:1]/
http://[2001:db8::1]/
http://[fe80::1]/
http://[fe80::1%25eth0]/
http://[fec0::1]/
http://[fc00::1]/
http://[fd00:ec2::254]/
http://[ff02::1]/
http://[3fff::1]/
http://[100::1]/
http://user:secret@example.com/
http://user@example.com/
http://@127.0.0.1/
http://example.com@127.0.0.1/
http://example.com:80@127.0.0.1/
http://example.com\\@127.0.0.1/
http://127.0.0.1\\.example.com/
http://example.com%2f@127.0.0.1/
http://127.0.0.1%00.example.com/
http://127%2e0%2e0%2e1/
http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/
http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/
http://127\u30020\u30020\u30021/
http:///127.0.0.1/
http:127.0.0.1/
http://
https://
http://:80/
http://[::1/
http://exa mple.com/
http://example.com\t/
http://example.com\r\nHost: inside/
http://example.com:99999/
http://example.com:x/
http://example.com:0/
http://-example.com/
http://example-.com/
ftp://example.com/
file:///etc/passwd
gopher://127.0.0.1:6379/_INFO
dict://127.0.0.1:11211/
data:text/plain,hello
javascript:alert(1)
//127.0.0.1/
unix:///var/run/docker.sock
""".strip().splitlines()
"""One a line, with Python's escapes for what cannot be seen."""

NAMES = {
    "all.inside.test": ["10.0.0.1"],
    "some.inside.test": ["93.184.216.34", "127.0.0.1"],
    "six.inside.test": ["2606:2800:220:1::1", "::1"],
    "mapped.inside.test": ["::ffff:10.0.0.1"],
    "scoped.inside.test": ["fe80::1%eth0"],
    "metadata.google.internal": ["169.254.169.254"],
}
"""What a name of the public DNS may say."""


def plain(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")


async def from_table(host: str, port: int) -> Sequence[str]:
    return NAMES[host]


def test_table_of_url_tricks_has_enough_entries() -> None:
    assert len({*TRICKS, *NAMES}) >= 50


@pytest.mark.parametrize("trick", TRICKS)
def test_url_with_a_private_address_is_rejected(trick: str) -> None:
    with pytest.raises(FencedError):
        Fence().check_url(plain(trick))


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A socket on every address of this machine, IPv4 and IPv6, that nobody may connect to."""
    with socket.create_server(
        ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True
    ) as open_socket:
        open_socket.setblocking(False)
        yield open_socket


def aimed_at(url: str, port: int) -> str:
    """Return a URL with the port of the listener, where it has a host and no port."""
    return re.sub(r"^(\w+://(?:[^/?#\[\]:@]+|\[[^\]]*\]))(?=/|$)", rf"\1:{port}", url)


@pytest.mark.integration
@pytest.mark.parametrize("trick", [*TRICKS, *(f"http://{name}/" for name in NAMES)])
async def test_url_with_a_private_address_opens_no_connection(
    listener: socket.socket, trick: str
) -> None:
    fence = Fence(resolver=from_table)
    url = aimed_at(plain(trick), listener.getsockname()[1])
    async with httpx.AsyncClient(transport=fence.transport(), timeout=5) as client:
        with pytest.raises((FencedError, httpx.InvalidURL, httpx.UnsupportedProtocol)):
            await client.get(url)
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.integration
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_listener_receives_allowed_connections(listener: socket.socket, host: str) -> None:
    fence = Fence.allowing(["127.0.0.1", "::1", "localhost"])
    timeout = httpx.Timeout(10, read=0.2)  # only the answer never comes
    async with httpx.AsyncClient(transport=fence.transport(), timeout=timeout) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"http://{host}:{listener.getsockname()[1]}/")
    listener.accept()[0].close()


@pytest.mark.parametrize("host", NAMES)
async def test_host_that_resolves_to_a_private_address_is_rejected(host: str) -> None:
    fence = Fence(resolver=from_table)
    fence.check_url(f"https://{host}/a.pdf")
    with pytest.raises(FencedError) as refused:
        await fence.addresses(host, 443)
    assert not any(address in refused.value.message for address in NAMES[host])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://files.example.com:8443/a%20b.pdf?token=1#page",
        "https://93.184.216.34/a.pdf",
        "https://[2606:2800:220:1::1]/",
        "https://bücher.example/preis.pdf",
        "https://xn--bcher-kva.example/",
        "HTTPS://EXAMPLE.COM/A.PDF",
        "https://a_b.example.com/",
        "https://example.com/user@host:80/x",
    ],
)
def test_public_url_is_accepted(url: str) -> None:
    Fence().check_url(url)


async def test_request_to_a_private_address_is_never_sent(web: WebServer) -> None:
    host = f"localhost:{web.port}"
    async with httpx.AsyncClient(transport=Fence().transport()) as client:
        for url in (web.url, f"http://{host}/"):
            with pytest.raises(FencedError):
                await client.get(url)
    assert web.asked == []


async def test_connection_uses_the_address_that_was_checked(web: WebServer) -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    fence = Fence(resolver=rebinding)
    assert await fence.addresses("rebind.test", web.port) == ["93.184.216.34"]
    async with httpx.AsyncClient(transport=fence.transport()) as client:
        with pytest.raises(FencedError):
            await client.get(f"http://rebind.test:{web.port}/")
    assert web.asked == []


async def test_connection_uses_the_address_that_was_resolved(web: WebServer) -> None:
    web.serve("/", Page(b"hello"))
    asked: list[str] = []

    async def once(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    gap = Fence.allowing(["127.0.0.0/8"])
    fence = Fence(networks=gap.networks, resolver=once)
    async with httpx.AsyncClient(transport=fence.transport()) as client:
        answer = await client.get(f"http://nowhere.test:{web.port}/")
    assert answer.text == "hello"
    assert asked == ["nowhere.test"]
    assert web.asked[0][1]["Host"] == f"nowhere.test:{web.port}"


async def test_redirect_to_a_private_address_is_not_followed(web: WebServer) -> None:
    inside = web.serve("/secret", Page(b"secret"))
    web.serve("/", Page(status=302, headers={"Location": inside}))

    async def named(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    fence = Fence(hosts=frozenset({"outside.test"}), resolver=named)
    transport = fence.transport()
    async with httpx.AsyncClient(transport=transport, follow_redirects=True) as client:
        with pytest.raises(FencedError):
            await client.get(f"http://outside.test:{web.port}/")
    assert web.counts() == {"/": 1}


async def test_host_can_be_allowed_by_name_address_or_network(web: WebServer) -> None:
    web.serve("/", Page(b"hello"))
    for allowed, host in (
        ("LOCALHOST", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1"),
    ):
        transport = Fence.allowing([allowed]).transport()
        async with httpx.AsyncClient(transport=transport) as client:
            assert (await client.get(f"http://{host}:{web.port}/")).text == "hello"


async def test_fence_allow_entry_allows_nothing_else() -> None:
    fence = Fence.allowing(["10.1.0.0/16", "files.internal"])
    fence.check_url("http://10.1.2.3/")
    for other in ("http://10.2.0.1/", "http://[::ffff:10.1.2.3]/", "http://0xa010203/"):
        with pytest.raises(FencedError):
            fence.check_url(other)


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "http://example.com", "a b", "10.0.0.0/99", ""])
def test_fence_allow_entry_that_cannot_be_parsed_is_rejected(wrong: str) -> None:
    with pytest.raises(UsageError):
        Fence.allowing([wrong])
