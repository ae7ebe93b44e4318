"""Stored webhook endpoints."""

import httpx
import pytest

BASE = "/api/v1/beta/webhook-configs"


async def _create(api: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    answer = await api.post(BASE, json={"webhook_url": "https://example.com/hook", **fields})
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_webhook_secret_is_never_returned(api: httpx.AsyncClient) -> None:
    made = await _create(api, webhook_signing_secret="s3cret", webhook_headers={"X-A": "1"})
    shown = await api.get(f"{BASE}/{made['id']}")
    assert made["has_secret"] is True
    assert shown.json() == made
    assert "s3cret" not in shown.text


async def test_update_changes_only_the_fields_sent(api: httpx.AsyncClient) -> None:
    made = await _create(api, webhook_events=["batch.success"])
    changed = (await api.put(f"{BASE}/{made['id']}", json={"webhook_output_format": "json"})).json()
    assert changed["webhook_events"] == ["batch.success"]
    assert changed["webhook_output_format"] == "json"


async def test_deleted_endpoint_returns_404(api: httpx.AsyncClient) -> None:
    made = await _create(api)
    assert (await api.delete(f"{BASE}/{made['id']}")).status_code == 204
    assert (await api.get(f"{BASE}/{made['id']}")).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"webhook_url": "ftp://example.com"},
        {"webhook_url": "https://example.com", "webhook_events": []},
        {"webhook_url": "https://example.com", "webhook_events": ["batch.nonsense"]},
        {"webhook_url": "https://example.com", "webhook_headers": {"X\r\nY": "1"}},
        {"webhook_url": "https://example.com", "webhook_headers": {"X": "1\r\nY: 2"}},
        {"webhook_url": "https://example.com/\u0000"},
        {"webhook_url": "http://169.254.169.254/latest/meta-data"},
        {"webhook_url": "http://user:secret@example.com/"},
        {"webhook_url": "https://example.com", "webhook_headers": {"Host": "inside"}},
        {"webhook_url": "https://example.com", "webhook_headers": {"webhook-id": "1"}},
    ],
)
async def test_invalid_field_is_named_in_the_error(
    api: httpx.AsyncClient, fields: dict[str, object]
) -> None:
    answer = await api.post(BASE, json=fields)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


async def test_pages_are_never_empty_and_pagination_ends(api: httpx.AsyncClient) -> None:
    made = [(await _create(api))["id"] for _ in range(3)]
    seen, token = [], None
    while True:
        query = {"page_size": 2, "include_total": True} | ({"page_token": token} if token else {})
        page = (await api.get("/api/v2/webhook-configs", params=query)).json()
        assert page["items"]
        seen += [row["id"] for row in page["items"]]
        token = page["next_page_token"]
        if token is None:
            break
    assert set(made) <= set(seen)
    assert page["total_size"] == len(seen) == len(set(seen))
    listed = (await api.get(BASE)).json()
    assert [row["id"] for row in listed] == seen


async def test_invalid_page_token_returns_422(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v2/webhook-configs", params={"page_token": "nonsense"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "page_token"]
