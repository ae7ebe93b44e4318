"""Answers of an endpoint: the model's text or the reason of an error, and the JSON in the text."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

import httpx

from docmill.errors import FailureClass, ItemFailure, Retry, UnavailableError

_COUNTED = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
"""Names of token counts at the endpoint and in usage."""
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_SHOWN = 300
"""Maximum characters of the endpoint's message in an error."""
MAX_DEPTH = 100
"""Maximum nesting of an answer: more than any accepted schema, less than the recursion limit."""
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
"""Reasoning that some models write before their answer."""
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a model.

    Attributes:
        content: its text.
        usage: ``requests``, ``input_tokens``, ``output_tokens``; tokens as the endpoint counts.
    """

    content: str
    usage: dict[str, int]


def answer_of(response: httpx.Response, host: str) -> Answer:
    """Return the model's answer in a 2xx response.

    Raises:
        ItemFailure: ENGINE_REFUSED: the model or a filter rejected the request; ANSWER_INVALID: the
            answer was truncated, or the response is not a chat completion.
        UnavailableError: a gateway reports that its upstream is busy or unavailable.
    """
    try:
        body = json.loads(response.content)
        _check_gateway_error(body, host)
        choice = body["choices"][0]
        message = choice["message"]
        finish = choice.get("finish_reason")
        content = _text(message.get("content"))
        refusal = message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        _raise_not_an_answer(response, host)
    if isinstance(refusal, str) and refusal:
        raise ItemFailure(
            FailureClass.ENGINE_REFUSED, f"The model refused: {cleaned(refusal)[:_SHOWN]}"
        )
    if finish == "content_filter":
        raise ItemFailure(
            FailureClass.ENGINE_REFUSED, "The endpoint's content filter stopped the answer."
        )
    if finish == "length":
        raise ItemFailure(
            FailureClass.ANSWER_INVALID,
            "The model's answer was truncated: it is longer than the endpoint allows.",
        )
    if not content:
        _raise_not_an_answer(response, host)
    return Answer(cleaned(content), _usage(body.get("usage")))


def refusal_reason(response: httpx.Response) -> str:
    """Return the endpoint's message in an error response."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = response.text
    for key in ("error", "message", "detail"):
        if isinstance(body, Mapping) and body.get(key):
            body = body[key]
    return cleaned(body if isinstance(body, str) else str(body))[:_SHOWN]


def json_of(content: str) -> Any:
    """Return the JSON in a model's text, even in a code fence or between sentences.

    Raises:
        ValueError: there is none, a number or string in it cannot be stored, or it nests too
            deeply.
    """
    content = _THOUGHTS.sub("", content)
    begin, end = content.find("{"), content.rfind("}")
    candidates = [content, *_FENCED.findall(content), content[max(begin, 0) : end + 1]]
    for candidate in candidates:
        try:
            found = json.loads(candidate, parse_constant=_finite, parse_float=_finite)
            json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            continue
        if _depth(found) > MAX_DEPTH:
            raise ValueError(f"it nests deeper than {MAX_DEPTH} levels")
        return found
    raise ValueError("it is not JSON")


def cleaned(text: str) -> str:
    """Return ``text`` without characters that databases or files reject."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _depth(value: Any) -> int:
    """Return the nesting depth of a JSON value, at most `MAX_DEPTH` + 1."""
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        inner = [one for one in level if isinstance(one, dict | list)]
        if not inner:
            return depth
        level = [
            child for one in inner for child in (one.values() if isinstance(one, dict) else one)
        ]
    return MAX_DEPTH + 1


def _text(content: Any) -> str:
    """Return the text of a message; some endpoints return it in parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _usage(reported: Any) -> dict[str, int]:
    counted = reported if isinstance(reported, Mapping) else {}
    usage = {"requests": 1}
    for theirs, ours in _COUNTED.items():
        number = counted.get(theirs)
        usage[ours] = number if isinstance(number, int) and number >= 0 else 0
    return usage


def _finite(number: str) -> float:
    found = float(number)
    if not math.isfinite(found):
        raise ValueError("it has a number that is not finite")
    return found


def _check_gateway_error(body: Any, host: str) -> None:
    """Raise the upstream error that some gateways return in the body of a response 200."""
    error = body.get("error") if isinstance(body, Mapping) else None
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and (code in _TRANSIENT or code >= HTTPStatus.INTERNAL_SERVER_ERROR):
        raise UnavailableError(f"The remote engine at {host} reports {code} from its upstream.")


def _raise_not_an_answer(response: httpx.Response, host: str) -> NoReturn:
    """Raise a failure that is retried a few times, because a broken gateway may have answered."""
    kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
    raise ItemFailure(
        FailureClass.ANSWER_INVALID,
        f"{host} answers {response.status_code} without a model's answer in it ({kind[:_SHOWN]}).",
        retry=Retry.ENGINE,
    )
