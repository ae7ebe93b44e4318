"""ASGI middleware: security headers, checks of headers and URLs, and repairs of the framework.

`docmill.api.core.access` decides who may call.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docmill.api.core.errors import problem

TOO_LARGE = 413
MAX_HEADER_BYTES = 32 * 1024
"""Of the address and all headers of one request, as much as common proxies allow. From 64 KiB on
h11 itself may answer 400 and close the connection."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every response that does not set them itself, as the OWASP REST Security Cheat Sheet asks.
Addresses of signed links never become a referrer."""
_PAGES = ("/docs", "/redoc")
_PAGES_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: https:; worker-src blob:; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com; "
    "font-src https://fonts.gstatic.com; frame-ancestors 'none'; base-uri 'none'"
)
"""What the framework's two pages of documentation load."""


class SecurityHeadersMiddleware:
    """Adds `SECURITY_HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers that its response lacks."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"] in _PAGES:
                    headers["Content-Security-Policy"] = _PAGES_POLICY
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, answer)


class JsonTooLargeMiddleware:
    """Converts the framework's 413 response from text to the JSON of every other error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and convert its response."""
        replaced = False

        async def answer(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == TOO_LARGE:
                kind = Headers(raw=message["headers"]).get("content-type", "")
                replaced = not kind.startswith("application/json")
                if replaced:
                    refusal = problem(TOO_LARGE, "The request's body is too large.")
                    await refusal(scope, receive, send)
            if not replaced:
                await send(message)

        await self._app(scope, receive, answer)


class AnsweredErrorMiddleware:
    """Drops the error that the framework raises again after it has sent the response 500.

    The server would close the connection for it, and the client's next request on that connection
    would be lost. The error is already in the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; raise errors that occur before the response is complete."""
        complete = False

        async def answer(message: Message) -> None:
            nonlocal complete
            await send(message)
            if message["type"] == "http.response.body":
                complete = not message.get("more_body", False)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            if not complete:
                raise


class HeaderSizeMiddleware:
    """Answers 431 to requests with too many or too long headers, before anything reads them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 431."""
        if scope["type"] == "http":
            size = len(scope["raw_path"]) + len(scope["query_string"])
            size += sum(len(name) + len(value) for name, value in scope["headers"])
            if size > MAX_HEADER_BYTES:
                refusal = problem(431, "The request's headers are too large.")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class NulMiddleware:
    """Answers 404 to URLs that contain NUL: no stored text does, and PostgreSQL rejects it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 404."""
        if scope["type"] == "http" and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            refusal = problem(404, "No such object: URLs must not contain NUL.")
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
