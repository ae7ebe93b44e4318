"""Chat completions of one model at one OpenAI-compatible endpoint."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from http import HTTPStatus
from typing import Any

import httpx

from docmill.errors import FailureClass, ItemFailure
from docmill.remote.http import RemoteHttp
from docmill.remote.limits import HostLimits
from docmill.remote.llm.answers import Answer, answer_of, refusal_reason
from docmill.settings import MIB, Settings

Message = Mapping[str, str]

MAX_ANSWER = 8 * MIB
"""Maximum bytes of one answer: a hundred times the usual size."""

CONNECT_SECONDS = 10.0

_DENIED = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)
_FORMAT_ERROR = re.compile(
    r"response.?format|json.?schema|json.?object|json.?mode|structured.?output|schema|grammar", re.I
)
_TEMPERATURE_ERROR = re.compile(r"temperature", re.I)
_LENGTH_ERROR = re.compile(
    r"context.?(?:length|size|window)|maximum.{0,20}tokens|too (?:long|large|many tokens)", re.I
)


class Form(IntEnum):
    """The ``response_format`` of a request; the prompt describes the JSON in any case."""

    PROMPT = 0
    JSON_OBJECT = 1
    JSON_SCHEMA = 2


class Chat:
    """Chat completions of one model.

    Endpoints differ in their support of ``response_format`` and ``temperature``. An option that the
    endpoint has rejected is not sent again by this object.
    """

    def __init__(self, http: RemoteHttp, model: str, key: str = "") -> None:
        """Create it on a connection, which has the API key in its headers.

        Args:
            http: the endpoint, including its ``/v1``.
            model: name of the model.
            key: the API key, which is removed from error messages of the endpoint.
        """
        self._http = http
        self._model = model
        self._key = key
        self._forms: dict[str, Form] = {}
        self._temperature = True

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None
    ) -> Answer:
        """Return the model's next message.

        Args:
            messages: the conversation so far.
            schema: the strict JSON Schema of the answer; None if it has none.

        Raises:
            ItemFailure: ENGINE_DENIED, ENGINE_REFUSED or ANSWER_INVALID.
            UnavailableError: the endpoint is unavailable or busy.
        """
        name = digest(schema)
        while True:
            form = self._forms.get(name, Form.JSON_SCHEMA if schema else Form.JSON_OBJECT)
            body = self._body(messages, schema, form)
            response = await self._http.send(
                "POST", "chat/completions", json=body, max_bytes=MAX_ANSWER
            )
            if response.is_success:
                return answer_of(response, self._http.host)
            reason = self._refusal_reason(response)
            if not self._drop_unsupported(response.status_code, reason, name, form):
                raise self._failure(response.status_code, reason)

    def _body(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None, form: Form
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._model, "messages": list(messages)}
        if self._temperature:
            body["temperature"] = 0
        if form is Form.JSON_SCHEMA:
            wanted = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif form is Form.JSON_OBJECT:
            body["response_format"] = {"type": "json_object"}
        return body

    def _drop_unsupported(self, status: int, reason: str, name: str, form: Form) -> bool:
        """Disable the option that the endpoint rejects; return whether there was one."""
        if status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
            return False
        if self._temperature and _TEMPERATURE_ERROR.search(reason):
            self._temperature = False
            return True
        if form > Form.PROMPT and _FORMAT_ERROR.search(reason):
            # Concurrent requests may have lowered the format already; it is never raised.
            self._forms[name] = min(Form(form - 1), self._forms.get(name, form))
            return True
        return False

    def _refusal_reason(self, response: httpx.Response) -> str:
        reason = refusal_reason(response)
        return reason.replace(self._key, "***") if self._key else reason

    def _failure(self, status: int, reason: str) -> ItemFailure:
        message = f"{self._http.host} answers {status} for the model {self._model}: {reason}"
        if status in _DENIED or status < HTTPStatus.BAD_REQUEST:
            return ItemFailure(FailureClass.ENGINE_DENIED, message)
        if _LENGTH_ERROR.search(reason) or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            hint = "The text is too long for the model; lower DOCMILL_LLM_CONTEXT_CHARS."
            message = f"{hint} {message}"
        return ItemFailure(FailureClass.ENGINE_REFUSED, message)


def open_chat(settings: Settings, hosts: HostLimits, seconds: float) -> Chat:
    """Return the chat with the configured model; it does not connect yet.

    Args:
        settings: endpoint, model and key.
        hosts: the limits of this process.
        seconds: time limit of one answer.
    """
    url, key = settings.llm_base_url, settings.llm_api_key.get_secret_value()
    http = RemoteHttp(
        url,
        hosts.of(url),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
    )
    return Chat(http, settings.llm_model, key)


def digest(value: Any) -> str:
    """Return a short hash of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
