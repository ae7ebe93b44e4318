"""Authentication and authorization of requests, before any handler runs.

Without API keys Docmill trusts every process that can reach the loopback interface. A web page in a
browser on the same machine can reach it too. Therefore requests with a foreign ``Origin``, or with
a ``Host`` that only DNS rebinding can produce, are rejected. Once a key was created, or with
``DOCMILL_AUTH=keys``, every request needs a key, except for the paths of `is_open`.
"""

import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from docmill.api.core.errors import on_docmill_error, problem
from docmill.api.core.links import CONTENT_PREFIX
from docmill.api.core.scope import LOCAL, Caller
from docmill.contracts.access import Role
from docmill.errors import (
    DocmillError,
    ForbiddenError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from docmill.records.api_keys import (
    LAST_USED_EVERY,
    ApiKeys,
    KnownKey,
    digest_of,
    is_live,
    parts_of,
)
from docmill.records.database import Database
from docmill.records.projects import Projects, limits_of
from docmill.records.rates import Rates
from docmill.records.scope import EVERY_PROJECT
from docmill.records.tables.base import now
from docmill.records.tables.sources import Project
from docmill.settings import LOOPBACK_NAMES, Settings

CACHE_SECONDS = 5.0
"""Time that a process caches a key. After it a revoked key and a key of an archived project are
rejected everywhere, and the first key ends the mode without keys."""
CACHED_KEYS = 10_000
"""Maximum keys in the cache of one process, which evicts the least recently used one."""

READING_POSTS = frozenset({"/api/v1/beta/files/query", "/api/v2/extract/schema/validation"})
"""Operations that only read, although their method is POST."""
_OPEN_PATHS = frozenset(
    {"/healthz", "/readyz", "/docs", "/openapi.json", "/redoc", "/api/v2/parse/versions"}
)
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

log = structlog.get_logger(__name__)


async def requires_keys(settings: Settings) -> bool:
    """Whether the API with these settings requires keys, before it has started.

    Raises:
        UnavailableError: the database is unavailable.
    """
    if settings.auth == "keys":
        return True
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database.of(settings, EVERY_PROJECT)
    try:
        await database.migrate()
        return await Access(database, required=False).requires_keys()
    finally:
        await database.close()


def is_open(path: str) -> bool:
    """Whether a path needs no key: it returns no data of a project, or its URL is signed."""
    return path in _OPEN_PATHS or path.startswith(f"{CONTENT_PREFIX}/")


def needed_role(method: str, path: str) -> Role:
    """Return the role that a request needs."""
    reads = method in _READING_METHODS or path in READING_POSTS
    return Role.READ if reads else Role.WRITE


@dataclass(slots=True)
class _Read:
    """A cached key, and the time of its read."""

    known: KnownKey
    caller: Caller
    at: float
    noted_at: float


class Access:
    """The keys and their projects, cached in this process for `CACHE_SECONDS`."""

    def __init__(self, database: Database, *, required: bool) -> None:
        """Create it for all projects' records; ``required`` makes keys mandatory."""
        self._database = database
        self._required = required
        self._looked_at = -CACHE_SECONDS
        self._read: OrderedDict[str, _Read] = OrderedDict()
        self._rates = Rates(database)

    async def requires_keys(self) -> bool:
        """Whether requests need a key; once true, it stays true in this process.

        Raises:
            UnavailableError: the database has not been available yet.
        """
        if not self._required and time.monotonic() - self._looked_at >= CACHE_SECONDS:
            try:
                async with self._database.read() as session:
                    self._required = await ApiKeys(session).required()
            except UnavailableError:
                if self._looked_at < 0:
                    raise
            self._looked_at = time.monotonic()
        return self._required

    async def caller(self, authorization: str | None) -> Caller:
        """Return the caller with the key in an ``Authorization`` header.

        Raises:
            UnauthenticatedError: there is no key, or it is unknown, revoked or expired.
            UnavailableError: the database is unavailable.
        """
        scheme, _, text = (authorization or "").partition(" ")
        if not authorization:
            raise UnauthenticatedError("An API key is needed.", _HINT)
        parts = parts_of(text.strip()) if scheme.lower() == "bearer" else None
        read = await self._known(parts[0]) if parts else None
        given = digest_of(*parts) if parts else b""
        if read is None or not hmac.compare_digest(read.known.key.digest, given):
            raise UnauthenticatedError("The API key is not valid.", _HINT)
        if not is_live(read.known.key, now()):
            raise UnauthenticatedError("The API key was revoked or has expired.", _HINT)
        await self._note_use(read)
        return read.caller

    async def admit(self, caller: Caller, method: str, path: str) -> None:
        """Check the role of the key for a request, and the rate limit of its project.

        Raises:
            ForbiddenError: the key's role is too low, or its project is archived.
            LimitError: the rate limit of the project is reached.
            UnavailableError: the database is unavailable.
        """
        needed = needed_role(method, path)
        if not caller.role.allows(needed):
            raise ForbiddenError(
                f"The key's role is {caller.role}, and this needs {needed}.",
                "Use another key, or create one.",
            )
        if caller.archived and needed is not Role.READ:
            raise ForbiddenError(
                "The key's project is archived: it answers reads only.", "Use another project."
            )
        await self._rates.take(caller.project_id, caller.limits)

    async def project(self, project_id: str) -> Project | None:
        """Return a project, or None if it does not exist."""
        async with self._database.read() as session:
            try:
                return await Projects(session).get(project_id)
            except NotFoundError:
                return None

    async def _known(self, key_id: str) -> _Read | None:
        """Return a key, from the cache if it was read recently; unknown keys are not cached."""
        read = self._read.get(key_id)
        moment = time.monotonic()
        if read is not None and moment - read.at < CACHE_SECONDS:
            self._read.move_to_end(key_id)
            return read
        async with self._database.read() as session:
            known = await ApiKeys(session).find(key_id)
        if known is None or known.project.deleted_at is not None:
            self._read.pop(key_id, None)
            return None
        noted_at = read.noted_at if read else -LAST_USED_EVERY.total_seconds()
        read = self._read[key_id] = _Read(known, _caller(known), moment, noted_at)
        self._read.move_to_end(key_id)
        if len(self._read) > CACHED_KEYS:
            self._read.popitem(last=False)
        return read

    async def _note_use(self, read: _Read) -> None:
        moment = time.monotonic()
        if moment - read.noted_at < LAST_USED_EVERY.total_seconds():
            return
        read.noted_at = moment
        async with self._database.write() as session:
            await ApiKeys(session).used(read.known.key.id)


def _caller(known: KnownKey) -> Caller:
    project = known.project
    return Caller(
        name=f"key:{known.key.id}",
        project_id=project.id,
        organization_id=project.organization_id,
        role=Role(known.key.role),
        limits=limits_of(project),
        archived=project.archived_at is not None,
    )


_HINT = "Send it as `Authorization: Bearer dml_…`; `keys create` makes one."


class AccessMiddleware:
    """Rejects requests without a valid key; without keys, requests of other machines and pages."""

    def __init__(self, app: ASGIApp, public_url: str = "") -> None:
        """Wrap ``app``; ``public_url`` is the address of the reverse proxy, or empty."""
        self._app = app
        public = urlsplit(public_url) if public_url else None
        self._names = LOOPBACK_NAMES | ({public.hostname} if public else set())
        self._origins = {public.netloc} if public else set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401, 403 or 429."""
        if scope["type"] == "http":
            try:
                refusal = await self._refusal(scope)
            except DocmillError as error:
                answer = await on_docmill_error(Request(scope), error)
                await answer(scope, receive, send)
                return
            if refusal:
                await problem(403, refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        access: Access = scope["state"]["services"].access
        path = scope["path"]
        if await access.requires_keys():
            if not is_open(path):
                caller = await access.caller(headers.get("authorization"))
                await access.admit(caller, scope["method"], path)
                scope["state"]["caller"] = caller
            return None
        scope["state"]["caller"] = LOCAL
        return self._foreign(headers.get("host", ""), headers.get("origin"))

    def _foreign(self, host: str, origin: str | None) -> str | None:
        if _name(f"//{host}") not in self._names:
            return "This server answers on loopback only; the Host header names another machine."
        if origin is not None and _netloc(origin) not in self._origins | {host}:
            return "Requests from pages of another origin are rejected."
        return None


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
