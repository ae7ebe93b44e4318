"""Calls of the HTTP API, for the commands that go through it, with LlamaCloud's own options."""

import json
import os
import sys
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
import yaml

from docmill.cli.plain_yaml import load_yaml
from docmill.errors import (
    ConflictError,
    DocmillError,
    NotFoundError,
    UnavailableError,
    UsageError,
)

ApiKey = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Also LLAMA_CLOUD_API_KEY. Any, while no keys are set up."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="Of the API. Also LLAMA_CLOUD_BASE_URL. Default: this machine."
    ),
]
OrganizationId = Annotated[str | None, typer.Option(metavar="ID")]
ProjectId = Annotated[str | None, typer.Option(metavar="ID")]
Namespace = Annotated[
    str | None, typer.Option(metavar="NAME", help="Temporal namespace; must be allowed there.")
]

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 60.0
_KINDS: dict[int, type[DocmillError]] = {404: NotFoundError, 409: ConflictError}


def base_url_of(option: str | None) -> str:
    """Return the API's address: the option, else LLAMA_CLOUD_BASE_URL, else this machine."""
    return option or os.environ.get("LLAMA_CLOUD_BASE_URL") or DEFAULT_URL


def api_key_of(option: str | None) -> str:
    """Return the key: the option, else what the official clients read, else any token."""
    names = ("LLAMA_CLOUD_API_KEY", "LLAMA_PARSE_API_KEY")
    return option or next((os.environ[name] for name in names if os.environ.get(name)), "local")


def value_of(text: str, flag: str) -> Any:
    """Return an option's value: JSON, or YAML in its short form ``{a: b}``.

    Raises:
        UsageError: it is neither.
    """
    try:
        return load_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UsageError(
            f"The value of {flag} cannot be read.", "Write it like '{job: {type: parse_v2}}'."
        ) from None


def below(path: str, identifier: str) -> str:
    """Return the path of an object.

    Raises:
        UsageError: no object can have this id.
    """
    if not identifier.strip(".") or "/" in identifier or not identifier.isprintable():
        raise UsageError(f"{identifier!r} is no id.", "The command list shows ids.")
    return f"{path}/{quote(identifier, safe='')}"


def call(
    method: str,
    path: str,
    *,
    base_url: str | None,
    api_key: str | None,
    query: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    headers: dict[str, str | None] | None = None,
) -> None:
    """Send one request and print the answer's JSON.

    Parameters, fields and headers that are None are left out.

    Raises:
        DocmillError: the API refused; its own sentence says why.
    """
    address = base_url_of(base_url)
    key = api_key_of(api_key)
    if not key.isascii() or not key.isprintable():
        raise UsageError(
            "The API key has characters that no key has.", "Copy the key again; see --api-key."
        )
    try:
        answer = httpx.request(
            method,
            f"{address.rstrip('/')}{path}",
            params=_given(query),
            json=None if body is None else _given(body),
            headers={"Authorization": f"Bearer {key}", **_given(headers)},
            timeout=TIMEOUT_SECONDS,
        )
    except httpx.InvalidURL as error:
        raise UsageError(
            f"The address cannot be called: {error}.", "See the id, and --base-url."
        ) from None
    except ValueError:  # text that is no Unicode or no header; numbers that are not finite
        raise UsageError("A value cannot be sent as it is.", "See the options' values.") from None
    except httpx.TransportError as error:
        raise UnavailableError(
            f"The API at {address} does not answer: {error}",
            "Start it with the command up, or name another one with --base-url.",
        ) from None
    if answer.is_error:
        raise _refusal(answer)
    sys.stdout.write(f"{_shown(answer)}\n")


def _shown(answer: httpx.Response) -> str:
    """Return the answer's JSON for people to read."""
    try:
        return json.dumps(answer.json(), indent=2, ensure_ascii=False)
    except ValueError:
        raise UnavailableError(
            f"What answers at {answer.url} is not Docmill's API.", "See --base-url."
        ) from None


def _given(values: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value not in (None, [])}


def _refusal(answer: httpx.Response) -> DocmillError:
    """Return the API's refusal as an error of ours."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, list):
        detail = "; ".join(
            f"{'.'.join(map(str, one.get('loc', ['body'])))}: {one.get('msg')}" for one in detail
        )
    sentence = str(detail or f"The API answered {answer.status_code}.")
    if answer.is_server_error:
        return UnavailableError(sentence, "Try again a little later.")
    hint = str(body.get("hint") or "") if isinstance(body, dict) else ""
    return _KINDS.get(answer.status_code, UsageError)(sentence, hint)
