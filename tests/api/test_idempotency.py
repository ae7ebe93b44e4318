"""Creates that can be repeated safely."""

import asyncio

import httpx

from docmill.ids import DEFAULT_PROJECT_ID, Prefix, new_id
from docmill.records.claims import Attempt, Claims, Repeat
from docmill.records.database import Database
from docmill.records.tables.base import now

BASE = "/api/v1/beta/webhook-configs"


async def _create(api: httpx.AsyncClient, url: str, **headers: str) -> httpx.Response:
    return await api.post(BASE, json={"webhook_url": url}, headers=headers)


async def test_retry_returns_the_object_of_the_first_request(api: httpx.AsyncClient) -> None:
    first = await _create(api, "https://one.example/")
    retry = await _create(api, "https://one.example/", **{"x-stainless-retry-count": "1"})
    assert (retry.status_code, retry.json()) == (201, first.json())


async def test_two_creates_without_a_retry_make_two_objects(api: httpx.AsyncClient) -> None:
    first = await _create(api, "https://two.example/", **{"x-stainless-retry-count": "0"})
    second = await _create(api, "https://two.example/", **{"x-stainless-retry-count": "0"})
    assert first.json()["id"] != second.json()["id"]


async def test_concurrent_creates_with_one_key_make_one_object(api: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "mine"}
    answers = await asyncio.gather(
        *(_create(api, "https://three.example/", **key) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_reused_key_with_other_fields_is_rejected(api: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "other"}
    assert (await _create(api, "https://four.example/", **key)).status_code == 201
    answer = await _create(api, "https://five.example/", **key)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["header", "Idempotency-Key"]


async def _decide(database: Database, repeat: Repeat, arrived_before: bool = False) -> str:
    arrived = now()
    if arrived_before:
        await _decide(database, Repeat.RETRY)
    async with database.write() as session:
        attempt = Attempt("key", "fields", repeat, arrived, DEFAULT_PROJECT_ID)
        claim = await Claims(session).decide(attempt, new_id(Prefix.DIRECTORY))
    return claim.object_id


async def test_racing_retries_agree_on_one_id(database: Database) -> None:
    ids = await asyncio.gather(*(_decide(database, Repeat.RETRY) for _ in range(6)))
    assert len(set(ids)) == 1


async def test_request_overtaken_by_its_retry_returns_its_object(database: Database) -> None:
    slow_first = await _decide(database, Repeat.FIRST, arrived_before=True)
    assert slow_first == await _decide(database, Repeat.RETRY)


async def test_first_request_after_a_retry_makes_a_new_object(database: Database) -> None:
    retry = await _decide(database, Repeat.RETRY)
    assert await _decide(database, Repeat.FIRST) != retry
