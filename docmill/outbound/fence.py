"""The fence: protection against server-side request forgery by URLs from users.

A URL is checked twice: its text before it is used, and the addresses of its host when a connection
is opened. The connection goes to an address that was checked, so a DNS answer that changes in
between has no effect. TLS and ``Host`` keep the name of the host.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from docmill.errors import UsageError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

HINT = "An operator can allow hosts and networks with DOCMILL_FENCE_ALLOW."

_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All addresses that are routed on the Internet. It excludes loopback, link-local, unique local and
multicast addresses, embedded IPv4 (mapped, compatible, NAT64), and unassigned addresses."""

_DENIED = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT; one cloud's metadata
            "127.0.0.0/8",
            "168.63.129.16/32",  # a public address that is one cloud's own service
            "169.254.0.0/16",  # link-local; most clouds' metadata
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001::/23",  # Teredo and other tunnels
            "2001:db8::/32",
            "2002::/16",  # 6to4
            "3fff::/20",
        ),
    )
)
_LAST_PORT = 65_535
_ODD = re.compile(r"[\x00-\x20\x7f\\]")
"""Characters that URL parsers interpret differently."""
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_LOCAL = re.compile(r"(.+\.)?localhost\.?")
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
"""Address of these names (RFC 6761, section 6.3)."""
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""A host with such a last label is a numeric address, such as ``0x7f.1``."""


class FencedError(UsageError):
    """The URL is rejected by the fence."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of ``host`` from the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Fence:
    """Allows the public Internet, and the configured hosts and networks.

    Attributes:
        hosts: names and addresses, in lower case, that are allowed whatever their addresses.
        networks: networks whose addresses are allowed.
        resolver: returns the addresses of a host.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    resolver: Resolver = resolve

    @classmethod
    def allowing(cls, allowed: Iterable[str]) -> "Fence":
        """Return a fence that also allows ``allowed``: networks, addresses or hosts.

        Raises:
            UsageError: an entry is invalid.
        """
        hosts: set[str] = set()
        networks: list[Network] = []
        for one in allowed:
            try:
                networks.append(ipaddress.ip_network(one))
            except ValueError:
                if not _NAME.fullmatch(one.lower()) or "/" in one:
                    raise UsageError(
                        f"{one} is neither a host nor a network.",
                        "Write files.example.com, 10.1.2.3 or 10.1.0.0/16.",
                    ) from None
                hosts.add(one.lower())
        return cls(frozenset(hosts), tuple(networks))

    def check_url(self, text: str) -> httpx.URL:
        """Check the text of a URL, and return the parsed URL.

        Raises:
            FencedError: the scheme, the host or its spelling is rejected.
        """
        try:
            if _ODD.search(text):
                raise FencedError("The URL has blanks, control characters or backslashes.")
            url = httpx.URL(text)
        except httpx.InvalidURL:
            raise FencedError("The URL cannot be read.") from None
        if url.scheme not in ("http", "https"):
            raise FencedError("Only http and https URLs are fetched.")
        if url.port is not None and not 0 < url.port <= _LAST_PORT:
            raise FencedError("The URL's port does not exist.")
        if url.userinfo:
            raise FencedError("The URL carries credentials.", "Leave them out of the URL.")
        self._check_host(url.raw_host.decode("ascii"))
        return url

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve ``host``, and return its addresses, which are all allowed.

        Raises:
            FencedError: one of them is rejected.
            OSError: the host is unknown.
        """
        self._check_host(host)
        found = await self.resolver(host, port)
        if host not in self.hosts:
            for address in found:
                self._check_address(host, ipaddress.ip_address(address))
        return found

    def transport(self, *, verify: ssl.SSLContext | None = None) -> httpx.AsyncHTTPTransport:
        """Return a transport for `httpx.AsyncClient` that opens only allowed connections."""
        return _FencedTransport(self, verify or httpx.create_ssl_context())

    def proxied(self, proxy: str) -> httpx.AsyncHTTPTransport:
        """Return a transport through a proxy that the operator allows.

        The proxy resolves names itself. The fence checks each URL, and the addresses of its host
        from here.
        """
        return _FencedTransport(self, httpx.create_ssl_context(), proxy)

    def _check_host(self, host: str) -> None:
        if host in self.hosts:
            return
        try:
            address = _LOOPBACK if _LOCAL.fullmatch(host) else ipaddress.ip_address(host)
        except ValueError:
            last = host.rpartition(".")[2]
            if not _NAME.fullmatch(host) or _NUMBER.fullmatch(last):
                raise FencedError("The URL's host is spelled in an unusual way.") from None
        else:
            self._check_address(host, address)

    def _check_address(self, host: str, address: Address) -> None:
        if any(address in network for network in self.networks):
            return
        if isinstance(address, ipaddress.IPv6Address) and (
            address.scope_id or address not in _PUBLIC_V6
        ):
            raise _rejected(host)
        if any(address in network for network in _DENIED):
            raise _rejected(host)


def _rejected(host: str) -> FencedError:
    """Return the error of a private address, which it does not name: it may be confidential."""
    return FencedError(f"{host} is not on the public Internet.", HINT)


class _FencedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections only to checked addresses."""

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        self._open = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve ``host``, check all addresses, and connect to the first one that answers."""
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._fence.addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        except OSError:
            raise httpcore.ConnectError(f"{host} is not known") from None
        for address in addresses:
            try:
                return await self._open.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Reject Unix sockets, which no URL can name."""
        raise FencedError("Connections to Unix sockets are not allowed.")

    async def sleep(self, seconds: float) -> None:
        """Wait between two connection attempts."""
        await self._open.sleep(seconds)


class _FencedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over `_FencedBackend`; it also checks the URL of each request."""

    def __init__(self, fence: Fence, verify: ssl.SSLContext, proxy: str | None = None) -> None:
        super().__init__(trust_env=False, verify=verify, proxy=proxy)
        self._fence = fence
        self._proxied = proxy is not None
        if proxy is None:
            # httpx has no parameter for the network backend, so its pool is replaced.
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=verify, network_backend=_FencedBackend(fence)
            )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; a redirect is another request, and checked again."""
        url = self._fence.check_url(str(request.url))
        if self._proxied:
            await self._check_names(url)
        return await super().handle_async_request(request)

    async def _check_names(self, url: httpx.URL) -> None:
        """Reject a name with private addresses; a name that only the proxy resolves is accepted."""
        with suppress(OSError):
            await self._fence.addresses(url.raw_host.decode("ascii"), url.port or 0)
