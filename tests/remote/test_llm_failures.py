"""Failures of an endpoint, and the outcome of the item."""

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from docmill.contracts.words import JobType
from docmill.errors import FailureClass, ItemFailure, Retry, UnavailableError
from docmill.remote.limits import HostLimits
from docmill.remote.llm.engine import LlmEngine
from docmill.settings import Settings
from tests.fixtures.llm import CANARY, FakeLlm, Reply, completion, proper, refused, said
from tests.fixtures.remote import Jobs, written

SCHEMA = {
    "type": "object",
    "properties": {
        "number": {"type": "string"},
        "total": {"type": "number", "minimum": 0},
        "note": {"type": ["string", "null"]},
    },
    "required": ["number", "total"],
}
TEXT = "Invoice number 4711\nTotal due: 80.50\n"
RIGHT = {"number": "4711", "total": 80.5, "note": None}
WRONG = {"number": "4711", "total": "eighty"}
RULES = [
    {"type": "invoice", "description": "A bill that asks for payment"},
    {"type": "letter", "description": "A letter from one person to another"},
]


@pytest.fixture(autouse=True)
def _right(llm: FakeLlm) -> None:
    """What the script does not say is answered rightly."""
    llm.answers = lambda body: proper(RIGHT, body)


async def _extract(engine: LlmEngine, jobs: Jobs, *pages: str, **parameters: Any) -> dict[str, Any]:
    job = jobs.of(JobType.EXTRACT, *(pages or (TEXT,)), **{"data_schema": SCHEMA, **parameters})
    report = await engine.run(job)
    found = written(job)
    assert report.usage == found["usage"]
    return found


async def _fails(engine: LlmEngine, jobs: Jobs) -> ItemFailure:
    with pytest.raises(ItemFailure) as failed:
        await _extract(engine, jobs)
    assert (failed.value.engine, failed.value.engine_version) == ("llm", engine.version)
    assert CANARY not in failed.value.message
    return failed.value


async def _waits(engine: LlmEngine, jobs: Jobs) -> UnavailableError:
    with pytest.raises(UnavailableError) as waiting:
        await _extract(engine, jobs)
    assert CANARY not in waiting.value.message
    return waiting.value


# -- the endpoint is away or busy: never the item's failure -----------------------------------


async def test_item_waits_as_long_as_retry_after_says_on_429(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    llm.script = [refused(429, "slow down", Retry_After="7")]

    waiting = await _waits(engine, jobs)

    assert waiting.pause == 7


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_item_waits_when_the_endpoint_fails(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm, status: int
) -> None:
    llm.script = [refused(status)]

    await _waits(engine, jobs)

    assert (await _extract(engine, jobs))["result"] == RIGHT


@pytest.mark.parametrize("code", [429, 502])
async def test_item_waits_when_a_gateway_wraps_an_error_in_200(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm, code: int
) -> None:
    llm.script = [completion(error={"code": code, "message": "upstream"})]

    await _waits(engine, jobs)

    assert (await _extract(engine, jobs))["result"] == RIGHT


async def test_item_waits_when_the_connection_is_reset_during_an_answer(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    llm.script = [Reply(said({"data": RIGHT}).body, reset_after=20)]

    await _waits(engine, jobs)

    assert (await _extract(engine, jobs))["result"] == RIGHT


async def test_item_waits_when_the_endpoint_never_answers(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    hold = Event()
    llm.script = [Reply(hold=hold)]

    waiting = await _waits(engine, jobs)
    hold.set()

    assert "ReadTimeout" in waiting.message


async def test_item_waits_when_the_endpoint_is_unreachable(jobs: Jobs, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, llm_base_url="http://127.0.0.1:9/v1", llm_model="m")
    engine = LlmEngine(settings, HostLimits(1))

    await _waits(engine, jobs)

    await engine.close()


# -- answers that can be used after all ------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        '```json\n{"data": %s}\n```',
        'Here it is:\n```\n{"data": %s}\n```\nAnything else?',
        'Sure! {"data": %s} I hope that helps.',
        '<think>{"data": {"number": "?"}} no…</think>\n{"data": %s}',
        "%s",
    ],
)
async def test_json_is_found_in_fences_sentences_thoughts_and_unwrapped(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm, content: str
) -> None:
    llm.script = [said(content % json.dumps(RIGHT))]

    found = await _extract(engine, jobs)

    assert found["result"] == RIGHT
    assert found["usage"] == {"requests": 1, "input_tokens": 100, "output_tokens": 10}


@pytest.mark.parametrize(
    "content",
    [
        "no JSON at all",
        '{"data": {"number": "4711", "tot',
        '{"data": {"number": "4711", "total": NaN}}',
        '{"data": {"number": "\\ud800", "total": 1}}',
        '{"data": [1]}',
        "[" * 100_000,
        '{"data": ' + '{"a": ' * 200 + "1" + "}" * 201,
        {"data": WRONG},
        {"data": {"total": 80.5}},
    ],
)
async def test_invalid_answer_is_sent_back_once_with_its_errors(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm, content: Any
) -> None:
    llm.script = [said(content)]

    found = await _extract(engine, jobs)

    assert found["result"] == RIGHT
    assert found["usage"]["requests"] == 2
    question, mending = llm.asked
    assert mending["messages"][:2] == question["messages"]
    assert [message["role"] for message in mending["messages"][2:]] == ["assistant", "user"]


async def test_errors_sent_back_name_their_location(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    llm.script = [said({"data": WRONG})]

    await _extract(engine, jobs)

    assert "at total: 'eighty' is not of type 'number'" in llm.asked[1]["messages"][-1]["content"]


async def test_endpoint_without_schema_support_gets_simpler_requests_from_then_on(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    llm.script = [
        refused(400, "response_format of type json_schema is not supported"),
        refused(422, "response_format: unknown field"),
    ]

    first = await _extract(engine, jobs)
    second = await _extract(engine, jobs, TEXT + "again")

    assert first["result"] == second["result"] == RIGHT
    assert llm.forms() == ["json_schema", "json_object", "", ""]
    assert first["usage"]["requests"] == 1, "what is refused costs nothing"


async def test_temperature_is_omitted_when_the_endpoint_rejects_it(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    llm.script = [refused(400, "Unsupported value: 'temperature' does not support 0")]

    await _extract(engine, jobs)
    await _extract(engine, jobs, TEXT + "again")

    assert ["temperature" in body for body in llm.asked] == [True, False, False]
    assert set(llm.forms()) == {"json_schema"}


@pytest.mark.parametrize(
    "usage", [None, [], "many", {"prompt_tokens": "12", "completion_tokens": -4}, {}]
)
async def test_usage_of_a_wrong_type_counts_only_the_request(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm, usage: Any
) -> None:
    llm.script = [said({"data": RIGHT}, usage=usage)]

    found = await _extract(engine, jobs)

    assert found["usage"] == {"requests": 1, "input_tokens": 0, "output_tokens": 0}


async def test_answer_in_parts_is_joined(engine: LlmEngine, jobs: Jobs, llm: FakeLlm) -> None:
    text = json.dumps({"data": RIGHT})
    parts = [{"type": "text", "text": text[:9]}, {"type": "text", "text": text[9:]}]
    llm.script = [said(None, parts=parts)]

    assert (await _extract(engine, jobs))["result"] == RIGHT


# -- failures that are the item's --------------------------------------------------------------


async def test_item_fails_when_the_answer_is_invalid_after_one_repair(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    llm.answers = lambda _: said({"data": WRONG})

    failure = await _fails(engine, jobs)

    assert failure.failure_class is FailureClass.ANSWER_INVALID
    assert failure.retry is Retry.NEVER
    assert "at total" in failure.message
    assert len(llm.asked) == 2


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (said('{"data": {"num', finish="length"), FailureClass.ANSWER_INVALID, "truncated"),
        (said(None, refusal="I will not"), FailureClass.ENGINE_REFUSED, "I will not"),
        (said("", finish="content_filter"), FailureClass.ENGINE_REFUSED, "filter"),
        (refused(400, "maximum context length is 8192 tokens"), FailureClass.ENGINE_REFUSED,
         "DOCMILL_LLM_CONTEXT_CHARS"),
        (refused(413, "no"), FailureClass.ENGINE_REFUSED, "DOCMILL_LLM_CONTEXT_CHARS"),
        (refused(400, "the moon is wrong"), FailureClass.ENGINE_REFUSED, "the moon is wrong"),
        (refused(401, f"Incorrect API key: {CANARY}"), FailureClass.ENGINE_DENIED, "***"),
        (refused(403), FailureClass.ENGINE_DENIED, "403"),
        (refused(404, "the model m does not exist"), FailureClass.ENGINE_DENIED, "model m"),
        (Reply(status=301, headers={"Location": "/"}), FailureClass.ENGINE_DENIED, "301"),
    ],
)  # fmt: skip
async def test_refusal_of_endpoint_or_model_fails_the_item_with_its_reason(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm, *, reply: Reply, kind: FailureClass, words: str
) -> None:
    llm.script = [reply]

    failure = await _fails(engine, jobs)

    assert (failure.failure_class, failure.retry) == (kind, Retry.NEVER)
    assert len(llm.asked) == 1
    assert words in failure.message


@pytest.mark.parametrize(
    "reply",
    [
        completion(choices=[]),
        completion(choices=[{"message": None}]),
        completion(choices=[{"finish_reason": "stop", "message": {"content": ""}}]),
        completion(error="in a 200"),
        Reply(b"<html><body>502 Bad Gateway</body></html>", headers={"Content-Type": "text/html"}),
        Reply(b"[" * 100_000),
        Reply(b"\xff\xfe\x00"),
    ],
)
async def test_answer_that_is_not_a_completion_is_retried_a_few_times(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm, reply: Reply
) -> None:
    llm.script = [reply]

    failure = await _fails(engine, jobs)

    assert failure.failure_class is FailureClass.ANSWER_INVALID
    assert failure.retry is Retry.ENGINE
    assert (await _extract(engine, jobs))["result"] == RIGHT


async def test_oversized_answer_is_not_read_to_its_end(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    llm.script = [Reply(b" " * 9 * 1024 * 1024)]

    failure = await _fails(engine, jobs)

    assert failure.failure_class is FailureClass.ANSWER_INVALID
    assert "8 MiB" in failure.message


# -- classify has the same ways to fail ------------------------------------------------------


async def test_type_outside_the_rules_is_corrected_once_or_fails(
    engine: LlmEngine, jobs: Jobs, llm: FakeLlm
) -> None:
    wrong = {"type": "Invoice!", "confidence": 0.9, "reasoning": "it says so"}
    llm.script = [said(wrong), said({**wrong, "type": "invoice", "comment": "sorry"})]
    llm.answers = lambda _: said({**wrong, "type": "letter", "confidence": 90})

    job = jobs.of(JobType.CLASSIFY, TEXT, rules=RULES)
    await engine.run(job)
    with pytest.raises(ItemFailure) as failed:
        await engine.run(jobs.of(JobType.CLASSIFY, TEXT, run="job-2", rules=RULES))

    assert written(job)["result"] == {
        "type": "invoice",
        "confidence": 0.9,
        "reasoning": "it says so",
    }
    assert failed.value.failure_class is FailureClass.ANSWER_INVALID
