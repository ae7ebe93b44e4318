"""Fetching a document: results, failures, and errors without secrets."""

import gzip
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event

import httpx
import pytest

from docmill.embedded.addresses import free_port
from docmill.errors import FailureClass, ItemFailure, Retry
from docmill.outbound.fence import Fence
from docmill.outbound.fetch import (
    MAX_PAUSE_SECONDS,
    MAX_REDIRECTS,
    Fetched,
    OversizeError,
    fetch,
    name_of,
)
from tests.fixtures.web import Page, WebServer

SECRET = "s3cret-token"


class Fetcher:
    """Fetches into one file."""

    def __init__(self, target: Path, transport: httpx.AsyncBaseTransport) -> None:
        self.target = target
        self.transport = transport

    async def __call__(self, url: str, max_bytes: int = 1_000_000, seconds: float = 20) -> Fetched:
        url = f"{url}?token={SECRET}"
        return await fetch(url, self.target, self.transport, max_bytes=max_bytes, seconds=seconds)

    async def failure(self, url: str, seconds: float = 20) -> ItemFailure:
        with pytest.raises(ItemFailure) as failed:
            await self(url, seconds=seconds)
        assert failed.value.failure_class is FailureClass.SOURCE_UNREACHABLE
        assert failed.value.phase == "read"
        assert SECRET not in f"{failed.value.message}{failed.value.hint}"
        return failed.value


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[Fetcher]:
    async with Fence.allowing(["127.0.0.1"]).transport() as transport:
        yield Fetcher(tmp_path / "document", transport)


async def test_document_is_written_hashed_and_described(web: WebServer, fetcher: Fetcher) -> None:
    body = b"hello " * 100_000
    url = web.serve("/a.txt", Page(body, headers={"Content-Type": "text/plain; charset=utf-8"}))
    fetched = await fetcher(url)
    assert fetcher.target.read_bytes() == body
    assert fetched == Fetched(len(body), hashlib.sha256(body).hexdigest(), "text/plain")
    assert web.asked[0][0] == f"/a.txt?token={SECRET}"
    assert "Cookie" not in web.asked[0][1]


async def test_redirects_are_followed_to_the_document(web: WebServer, fetcher: Fetcher) -> None:
    web.serve("/end", Page(b"end"))
    for number in range(MAX_REDIRECTS):
        following = f"/{number + 1}" if number + 1 < MAX_REDIRECTS else "/end"
        web.serve(f"/{number}", Page(status=302, headers={"Location": following}))
    await fetcher(f"{web.url}/0")
    assert fetcher.target.read_bytes() == b"end"


@pytest.mark.parametrize(
    "goal",
    [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "http://[::1]/",
        "//0x7f.1/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://user:pass@127.0.0.1/",
        "http://exa mple.com/",
        "http://[/",
    ],
)
async def test_redirect_is_checked_like_the_url_itself(
    web: WebServer, fetcher: Fetcher, goal: str
) -> None:
    url = web.serve("/", Page(status=307, headers={"Location": goal}))
    assert (await fetcher.failure(url)).retry is Retry.NEVER
    assert web.counts() == {"/": 1}


async def test_redirect_loop_ends(web: WebServer, fetcher: Fetcher) -> None:
    url = web.serve("/", Page(b"x", 301, {"Location": "/"}))
    assert (await fetcher.failure(url)).retry is Retry.NEVER
    assert web.counts() == {"/": 1 + MAX_REDIRECTS}


async def test_endless_body_of_a_redirect_is_not_read(web: WebServer, fetcher: Fetcher) -> None:
    web.serve("/end", Page(b"end"))
    url = web.serve("/", Page(b"x" * 65536, 302, {"Location": "/end"}, endless=True))
    await fetcher(url)
    assert fetcher.target.read_bytes() == b"end"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 204, 206, 304])
async def test_refused_request_is_not_retried(
    web: WebServer, fetcher: Fetcher, status: int
) -> None:
    failure = await fetcher.failure(web.serve("/", Page(status=status)))
    assert failure.retry is Retry.NEVER
    assert str(status) in failure.message


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_transient_failure_is_retried(web: WebServer, fetcher: Fetcher, status: int) -> None:
    failure = await fetcher.failure(web.serve("/", Page(status=status)))
    assert failure.retry is Retry.ENGINE


@pytest.mark.parametrize(
    ("said", "pause"),
    [("7", 7.0), ("9999", MAX_PAUSE_SECONDS), ("Fri, 31 Dec 1999 23:59:59 GMT", 2.0), ("0", 2.0)],
)
async def test_retry_after_of_the_server_is_honoured(
    web: WebServer, fetcher: Fetcher, said: str, pause: float
) -> None:
    url = web.serve("/", Page(status=429, headers={"Retry-After": said}))
    assert (await fetcher.failure(url)).pause == pause


@pytest.mark.integration
async def test_refused_connection_is_retried(fetcher: Fetcher) -> None:
    failure = await fetcher.failure(f"http://127.0.0.1:{free_port()}/a.pdf")
    assert failure.retry is Retry.ENGINE


async def test_unknown_host_is_retried(tmp_path: Path) -> None:
    async with Fence().transport() as transport:
        fetcher = Fetcher(tmp_path / "document", transport)
        failure = await fetcher.failure("http://nobody.invalid/a.pdf")
    assert failure.retry is Retry.ENGINE


async def test_silent_server_times_out(web: WebServer, fetcher: Fetcher) -> None:
    hold = Event()
    url = web.serve("/", Page(b"late", hold=hold))
    failure = await fetcher.failure(url, seconds=0.2)
    hold.set()
    assert failure.retry is Retry.ENGINE


async def test_endless_document_is_rejected_as_too_large(web: WebServer, fetcher: Fetcher) -> None:
    url = web.serve("/", Page(b"x" * 65536, endless=True))
    with pytest.raises(OversizeError):
        await fetcher(url, max_bytes=300_000)
    assert fetcher.target.stat().st_size <= 300_000


async def test_download_that_unpacks_beyond_the_limit_is_stopped(
    web: WebServer, fetcher: Fetcher
) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    url = web.serve("/", Page(bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(OversizeError):
        await fetcher(url)
    assert fetcher.target.stat().st_size <= 1_000_000


async def test_compressed_document_is_decompressed(web: WebServer, fetcher: Fetcher) -> None:
    url = web.serve("/", Page(gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"}))
    await fetcher(url)
    assert fetcher.target.read_bytes() == b"hello"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "deflate, br"])
async def test_content_encodings_that_allow_bombs_are_rejected(
    web: WebServer, fetcher: Fetcher, encoding: str
) -> None:
    url = web.serve("/", Page(b"x", headers={"Content-Encoding": encoding}))
    assert (await fetcher.failure(url)).retry is Retry.NEVER


async def test_invalid_content_encoding_is_not_retried(web: WebServer, fetcher: Fetcher) -> None:
    url = web.serve("/", Page(b"no gzip", headers={"Content-Encoding": "gzip"}))
    assert (await fetcher.failure(url)).retry is Retry.NEVER


async def test_truncated_download_is_not_processed(web: WebServer, fetcher: Fetcher) -> None:
    url = web.serve("/", Page(b"half", headers={"Content-Length": "1000", "Connection": "close"}))
    assert (await fetcher.failure(url)).retry is Retry.ENGINE


async def test_proxy_fetches_public_urls_only(web: WebServer, tmp_path: Path) -> None:
    web.pages["http://93.184.216.34/a.txt"] = [Page(b"through the proxy")]
    async with Fence().proxied(web.url) as transport:
        fetcher = Fetcher(tmp_path / "document", transport)
        await fetcher("http://93.184.216.34/a.txt")
        assert fetcher.target.read_bytes() == b"through the proxy"
        for inside in ("http://127.0.0.1/", "http://localhost/"):
            assert (await fetcher.failure(inside)).retry is Retry.NEVER
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/in/report%202.pdf?sig=abc#page", "report 2.pdf"),
        ("https://example.com/", "example.com"),
        ("https://example.com", "example.com"),
        ("https://example.com/a/%2e%2e", "example.com"),
        ("https://example.com/..%2f..%2fetc%2fpasswd", ".._.._etc_passwd"),
        ("https://example.com/a%00%0ab.pdf", "a__b.pdf"),
        ("https://example.com/%ff.pdf", "\ufffd.pdf"),
        ("https://example.com/" + "a" * 400 + ".pdf", "a" * 251 + ".pdf"),
    ],
)
def test_document_is_named_by_the_end_of_its_path(url: str, name: str) -> None:
    assert name_of(httpx.URL(url)) == name
