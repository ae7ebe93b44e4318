"""Headers that a user may add to deliveries."""

from collections.abc import Iterable, Mapping

_FORBIDDEN = frozenset(
    {
        # between two hops: they say where a request ends, or who may pass it on
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "expect",
        # of the URL, and so of the fence
        "host",
        # what a receiver relies on
        "content-encoding",
        "content-type",
        "user-agent",
        "lc-signature",
        "x-webhook-event-id",
        "x-webhook-event-type",
    }
)
_FORBIDDEN_PREFIX = "webhook-"


def forbidden(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that Docmill sets itself or that no user may set."""
    return [
        name
        for name in names
        if name.lower() in _FORBIDDEN or name.lower().startswith(_FORBIDDEN_PREFIX)
    ]


def allowed(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be sent; rows of an older program may hold others."""
    refused = set(forbidden(headers))
    return {name: value for name, value in headers.items() if name not in refused}
