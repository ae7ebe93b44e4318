"""The codec server: encrypts and decrypts payloads for Temporal's Web UI and command line.

It speaks Temporal's protocol for remote codecs (https://docs.temporal.io/remote-data-encoding):
``POST /encode`` and ``POST /decode`` with a JSON object ``{"payloads": [...]}``, whose bytes are in
base64, answered in the same form. Browsers call it from the origin of the Web UI.

Whoever may call ``/decode`` reads every payload. The Web UI cannot send a key of Docmill's, so
another program must authenticate its users: the server listens on loopback only, unless an
authenticating proxy proves itself to it by a secret in a header.
"""

import hmac
from collections.abc import Sequence

import structlog
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload, Payloads

from docmill.errors import PayloadKeyError, UsageError
from docmill.settings import LOOPBACK_NAMES, Settings
from docmill.temporal.payloads import PayloadCipher, payload_cipher

PROXY_HEADER = "X-Docmill-Proxy-Secret"
MIN_SECRET = 32
"""Characters of the proxy's secret: `openssl rand -hex 32` gives twice as many."""

MAX_BODY = 16 * 1024 * 1024
"""The payloads of one gRPC message, of at most 4 MB, are 5.6 MB in base64."""

USER_HEADERS = ("X-Forwarded-Email", "X-Forwarded-User", "X-Auth-Request-Email")
"""Headers in which proxies name the user, as oauth2-proxy does; logged, never trusted further."""

log = structlog.get_logger(__name__)


def check_host(host: str, settings: Settings) -> None:
    """Check that an address may be listened on.

    Raises:
        UsageError: it is not on loopback, and no proxy authenticates users; or the proxy's secret
            is too short.
    """
    secret = settings.codec_proxy_secret.get_secret_value()
    if secret and len(secret) < MIN_SECRET:
        raise UsageError(
            f"DOCMILL_CODEC_PROXY_SECRET has fewer than {MIN_SECRET} characters.",
            "`openssl rand -hex 32` makes one.",
        )
    if not secret and host not in LOOPBACK_NAMES:
        raise UsageError(
            f"The codec server decrypts for everybody who reaches it; it does not listen on {host} "
            "while nobody authenticates its users.",
            "Put an authenticating proxy before it, and give both DOCMILL_CODEC_PROXY_SECRET; or "
            "leave --host out.",
        )


def create_app(settings: Settings, origins: Sequence[str]) -> ASGIApp:
    """Return the codec server.

    Args:
        settings: with the payload keys and the proxy's secret.
        origins: ``scheme://host[:port]`` of the Web UIs that may call it.

    Raises:
        UsageError: there are no payload keys, or they are invalid.
    """
    cipher = payload_cipher(settings)
    if cipher is None:
        raise UsageError(
            "There are no payload keys.",
            "Set DOCMILL_PAYLOAD_KEYS or DOCMILL_PAYLOAD_KEYS_COMMAND as for the workers.",
        )
    codec = _Codec(cipher)
    return Starlette(
        routes=[
            Route("/encode", codec.encode, methods=["POST"]),
            Route("/decode", codec.decode, methods=["POST"]),
        ],
        middleware=[
            Middleware(_KnownOrigins, origins=frozenset(origins)),
            Middleware(
                CORSMiddleware,
                allow_origins=list(origins),
                allow_methods=["POST"],
                allow_headers=["Authorization", "Content-Type", "X-Namespace"],
                allow_credentials=True,  # the cookie of an authenticating proxy
                allow_private_network=True,  # a Web UI in the Internet, a codec server on loopback
            ),
            Middleware(_Callers, secret=settings.codec_proxy_secret.get_secret_value()),
        ],
    )


class _Codec:
    """The two endpoints."""

    def __init__(self, cipher: PayloadCipher) -> None:
        self._cipher = cipher

    async def encode(self, request: Request) -> Response:
        """Encrypt the payloads of a request."""
        payloads = await _payloads_of(request)
        if isinstance(payloads, Response):
            return payloads
        return _answer(await self._cipher.encode(payloads.payloads))

    async def decode(self, request: Request) -> Response:
        """Decrypt the payloads of a request; one whose key is missing stays as it is."""
        payloads = await _payloads_of(request)
        if isinstance(payloads, Response):
            return payloads
        log.info(
            "codec_server.decode",
            payloads=len(payloads.payloads),
            namespace=request.headers.get("X-Namespace"),
            user=next(filter(None, map(request.headers.get, USER_HEADERS)), None),
        )
        return _answer([self._readable(payload) for payload in payloads.payloads])

    def _readable(self, payload: Payload) -> Payload:
        try:
            return self._cipher.decrypted(payload)
        except PayloadKeyError:  # logged by the cipher
            return payload


async def _payloads_of(request: Request) -> Payloads | Response:
    """Return the payloads of a request's body, or why it is refused."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return _refusal(413, f"The body has more than {MAX_BODY} bytes.")
    try:
        return json_format.Parse(bytes(body), Payloads(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError):
        return _refusal(400, 'The body is not {"payloads": [...]} with bytes in base64.')


def _answer(payloads: Sequence[Payload]) -> Response:
    body = json_format.MessageToDict(Payloads(payloads=payloads))
    return JSONResponse(body or {"payloads": []}, headers={"Cache-Control": "no-store"})


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status)


class _KnownOrigins:
    """Refuses pages of other origins before they are answered: CORS hides answers only."""

    def __init__(self, app: ASGIApp, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        app = self._app
        if scope["type"] == "http":
            origin = Request(scope).headers.get("Origin")
            if origin is not None and origin not in self._origins:
                app = _refusal(403, "This origin is not allowed: see the option --ui.")
        await app(scope, receive, send)


class _Callers:
    """Lets requests of the proxy pass; without one, requests to a name of loopback only.

    A name of another machine in ``Host`` is a page of this machine's browser whose name was bound
    to loopback by its owner's DNS.
    """

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        app = self._app
        if scope["type"] == "http" and (reason := self._refused(Request(scope))):
            app = _refusal(403, reason)
        await app(scope, receive, send)

    def _refused(self, request: Request) -> str | None:
        if self._secret:
            given = request.headers.get(PROXY_HEADER, "").encode()
            proven = hmac.compare_digest(given, self._secret)
            return None if proven else "Requests must come through the authenticating proxy."
        if request.url.hostname in LOOPBACK_NAMES:
            return None
        return "This server answers on loopback only; the Host header names another machine."
