"""ASGI middleware: checks of a request before its handler runs, and repairs of the framework.

Docmill trusts every process that can reach the loopback interface. A web page in a browser on the
same machine can reach it too. Therefore requests with a foreign ``Origin``, or with a ``Host``
that only DNS rebinding can produce, are rejected.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docmill.api.core.errors import problem

TOO_LARGE = 413
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class LoopbackMiddleware:
    """Rejects requests that a browser sends for a page of another origin.

    Requests that a reverse proxy passes on with its own host name are accepted if the operator
    configured that name (``DOCMILL_PUBLIC_URL``).
    """

    def __init__(self, app: ASGIApp, public_url: str = "") -> None:
        """Wrap ``app``; ``public_url`` is the address of the reverse proxy, or empty."""
        self._app = app
        public = urlsplit(public_url) if public_url else None
        self._names = LOOPBACK_NAMES | ({public.hostname} if public else set())
        self._origins = {public.netloc} if public else set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._refusal(headers.get("host", ""), headers.get("origin"))
            if refusal:
                await problem(403, refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, host: str, origin: str | None) -> str | None:
        if _name(f"//{host}") not in self._names:
            return "This server answers on loopback only; the Host header names another machine."
        if origin is not None and _netloc(origin) not in self._origins | {host}:
            return "Requests from pages of another origin are rejected."
        return None


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


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
