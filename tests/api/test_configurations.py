"""Configurations and presets."""

import httpx
import pytest

from tests.api.steps import all_items, ok

BASE = "/api/v1/beta/configurations"
FAST = {"product_type": "parse_v2", "tier": "fast", "version": "latest"}


async def test_same_name_and_product_makes_a_new_version(api: httpx.AsyncClient) -> None:
    first = await ok(await api.post(BASE, json={"name": "one", "parameters": FAST}), 201)
    same = await ok(await api.post(BASE, json={"name": "one", "parameters": FAST}), 201)
    assert same == first
    other = {**FAST, "tier": "cost_effective"}
    second = await ok(await api.post(BASE, json={"name": "one", "parameters": other}), 201)
    assert second["id"] == first["id"]
    assert second["version"] > first["version"]
    assert second["parameters"] == other
    assert (await ok(await api.get(f"{BASE}/{first['id']}"))) == second


async def test_configuration_can_be_updated_listed_and_deleted(api: httpx.AsyncClient) -> None:
    made = await ok(await api.post(BASE, json={"name": "two", "parameters": FAST}), 201)
    changed = await ok(await api.put(f"{BASE}/{made['id']}", json={"name": "renamed"}))
    assert (changed["name"], changed["parameters"]) == ("renamed", FAST)
    listed = await all_items(api, BASE, product_type="parse_v2", name="renamed")
    assert [row["id"] for row in listed] == [made["id"]]
    await ok(await api.delete(f"{BASE}/{made['id']}"), 204)
    await ok(await api.get(f"{BASE}/{made['id']}"), 404)


async def test_presets_are_read_only(api: httpx.AsyncClient) -> None:
    shown = await ok(await api.get(f"{BASE}/cfg-PARSE_AGENTIC"))
    assert shown["parameters"]["tier"] == "agentic"
    for answer in (
        await api.put(f"{BASE}/cfg-PARSE_AGENTIC", json={"name": "x"}),
        await api.delete(f"{BASE}/cfg-PARSE_AGENTIC"),
    ):
        assert answer.status_code == 409
        assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "parameters",
    [
        {"product_type": "parse_v2", "tier": "fastest"},
        {"product_type": "parse_v2", "teir": "fast"},
        {"product_type": "parse_v2", "page_ranges": {"max_pages": 0}},
        {"product_type": "nonsense"},
        {"tier": "fast"},
    ],
)
async def test_invalid_parameters_are_rejected(
    api: httpx.AsyncClient, parameters: dict[str, object]
) -> None:
    answer = await api.post(BASE, json={"name": "wrong", "parameters": parameters})
    assert answer.status_code == 422


async def test_parse_parameters_of_an_extraction_are_validated(api: httpx.AsyncClient) -> None:
    schema = {"type": "object", "properties": {"number": {"type": "string"}}}
    extract = {"product_type": "extract_v2", "data_schema": schema}
    made = await ok(await api.post(BASE, json={"name": "e", "parameters": extract}), 201)
    for wrong in ("cfg-none", made["id"]):
        body = {"name": "wrong", "parameters": {**extract, "parse_config_id": wrong}}
        answer = await api.post(BASE, json=body)
        assert answer.status_code == 422, wrong
        assert answer.json()["detail"][0]["loc"] == ["body", "parameters", "parse_config_id"]
    body = {"name": "e", "parameters": {**extract, "parse_config_id": "cfg-PARSE_FAST"}}
    await ok(await api.post(BASE, json=body), 201)


async def test_webhooks_and_other_products_are_stored(api: httpx.AsyncClient) -> None:
    endpoint = {"webhook_url": "https://example.com/hook"}
    hook = await ok(await api.post("/api/v1/beta/webhook-configs", json=endpoint), 201)
    hooked = {**FAST, "webhook_configuration_ids": [hook["id"]]}
    made = await ok(await api.post(BASE, json={"name": "hooked", "parameters": hooked}), 201)
    assert made["parameters"] == hooked
    split = {"product_type": "split_v1", "categories": [{"name": "a"}]}
    made = await ok(await api.post(BASE, json={"name": "split", "parameters": split}), 201)
    assert made["parameters"] == split
