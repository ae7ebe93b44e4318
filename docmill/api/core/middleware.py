"""What is checked before any handler runs: who calls, and from where.

Local mode trusts whoever can reach the loopback interface. A web page in a browser on the same
machine can reach it too, so a foreign ``Origin``, or a ``Host`` that only DNS rebinding can
bring here, is refused.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from docmill.api.core.errors import problem

TOO_LARGE = 413
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class LoopbackMiddleware:
    """Refuses requests that a browser sent for a page of another origin.

    A proxy that keeps the name by which clients call it is served, once the operator has said
    that name.
    """

    def __init__(self, app: ASGIApp, public_url: str = "") -> None:
        """Guard ``app``; ``public_url`` is where a proxy before it is reached, or empty."""
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
            return "Requests from pages of another origin are refused."
        return None


class JsonTooLargeMiddleware:
    """Gives the answer 413 of the framework, which is text, the shape of every other error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back."""
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
    """Ends what was answered: the framework raises an unexpected error again after its 500.

    The server would close the connection for it without a word, and the client's next request
    on that connection would be lost. The error is in the log already.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an error before the end of the answer stays one."""
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
    """Answers 404 to addresses that hold NUL: no stored text holds one, and PostgreSQL objects."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 404."""
        if scope["type"] == "http" and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            refusal = problem(404, "No such object: an address never holds NUL.")
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
