"""What an endpoint answers: the model's words, or why there are none; and the JSON in them."""

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
"""The endpoint's names of what is counted, and ours."""
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_SHOWN = 300
"""Characters of the endpoint's own words that an error repeats."""
MAX_DEPTH = 100
"""Levels of an answer: more than any schema that is taken has, and less than breaks a reader."""
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
"""What some models write before their answer."""
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said.

    Attributes:
        content: its words.
        usage: ``requests``, ``input_tokens``, ``output_tokens``; tokens as the endpoint counts.
    """

    content: str
    usage: dict[str, int]


def answer_of(response: httpx.Response, host: str) -> Answer:
    """Return what the model said in a 2xx answer.

    Raises:
        ItemFailure: ENGINE_REFUSED: the model or a filter would not answer; ANSWER_INVALID: the
            answer was cut off, or this is no answer of such an endpoint.
        UnavailableError: it says that what stands behind it is busy or away.
    """
    try:
        body = json.loads(response.content)
        _look_for_trouble(body, host)
        choice = body["choices"][0]
        message = choice["message"]
        finish = choice.get("finish_reason")
        content = _text(message.get("content"))
        refusal = message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        _not_an_answer(response, host)
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
            "The model's answer was cut off: it is longer than the endpoint allows.",
        )
    if not content:
        _not_an_answer(response, host)
    return Answer(cleaned(content), _usage(body.get("usage")))


def refusal_reason(response: httpx.Response) -> str:
    """Return in the endpoint's words why it refuses."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = response.text
    for key in ("error", "message", "detail"):
        if isinstance(body, Mapping) and body.get(key):
            body = body[key]
    return cleaned(body if isinstance(body, str) else str(body))[:_SHOWN]


def json_of(content: str) -> Any:
    """Return the JSON that a model wrote, also in a code fence or between sentences.

    Raises:
        ValueError: there is none, or it has a number or text that cannot be stored, or it nests
            too deeply.
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
    raise ValueError("it is no JSON")


def cleaned(text: str) -> str:
    """Return ``text`` without what no database or file takes."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _depth(value: Any) -> int:
    """Return how many objects and lists are in each other, `MAX_DEPTH` + 1 at most."""
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
    """Return the words of a message; some endpoints give them in parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _usage(told: Any) -> dict[str, int]:
    counted = told if isinstance(told, Mapping) else {}
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


def _look_for_trouble(body: Any, host: str) -> None:
    """Some gateways say 200 first, and in the body what the endpoint behind them said."""
    error = body.get("error") if isinstance(body, Mapping) else None
    code = error.get("code") if isinstance(error, Mapping) else None
    if isinstance(code, int) and (code in _PASSING or code >= HTTPStatus.INTERNAL_SERVER_ERROR):
        raise UnavailableError(f"The remote engine at {host} answers {code} for one behind it.")


def _not_an_answer(response: httpx.Response, host: str) -> NoReturn:
    """A gateway in trouble speaks for an endpoint at times: a few more tries, then it is final."""
    kind = response.headers.get("Content-Type", "nothing said of its type").partition(";")[0]
    raise ItemFailure(
        FailureClass.ANSWER_INVALID,
        f"{host} answers {response.status_code} without a model's answer in it ({kind[:_SHOWN]}).",
        retry=Retry.ENGINE,
    )
