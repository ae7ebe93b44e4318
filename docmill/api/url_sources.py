"""URLs that a request names: refused at once where their text tells enough."""

from docmill.api.errors import FieldError
from docmill.fencing import Fence, FencedError
from docmill.fetching import name_of
from docmill.settings import Settings


def checked_name(fence: Fence, url: str, field: str = "source_url") -> str:
    """Return a name for the document at ``url``; what its host leads to, the worker checks.

    Args:
        fence: where URLs may lead.
        url: as the request has it.
        field: of the request's body, for the error.

    Raises:
        FieldError: the URL is refused.
    """
    try:
        return name_of(fence.check_url(url))
    except FencedError as error:
        raise FieldError(error.message, "body", field, hint=error.hint) from None


def check_proxy(settings: Settings, proxy: str | None) -> None:
    """Refuse a proxy that the operator does not name.

    Raises:
        FieldError: it is not among the allowed ones.
    """
    if proxy is not None and proxy not in settings.fetch_proxies:
        raise FieldError(
            "This proxy is not allowed here.",
            "body",
            "http_proxy",
            hint="Leave it out; an operator allows proxies with DOCMILL_FETCH_PROXIES.",
        )
