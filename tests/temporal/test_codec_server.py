"""The codec server decrypts for Temporal's own clients, and for nobody else."""

import asyncio
import base64
import json
import os
import sys
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from docmill.codec_server import MAX_BODY, PROXY_HEADER, check_host, create_app
from docmill.errors import UsageError
from docmill.settings import APPLICATION, Settings
from docmill.temporal.payloads import PayloadCipher, encrypting
from tests.fixtures.temporal import BINARIES

KEY = "k1:" + base64.b64encode(b"1" * 32).decode()
OTHER_KEY = "k2:" + base64.b64encode(b"2" * 32).decode()
UI = "http://localhost:8233"
PROXY_SECRET = "a proxy's secret of 32 characters"


def settings(**changes: Any) -> Settings:
    return Settings(payload_keys=SecretStr(KEY), **changes)


def calls(app_settings: Settings, base_url: str = "http://localhost:8081") -> httpx.AsyncClient:
    """Return a client of a codec server in this process."""
    transport = httpx.ASGITransport(create_app(app_settings, [UI]))
    return httpx.AsyncClient(transport=transport, base_url=base_url)


async def encrypted(key: str, value: Any) -> dict[str, Any]:
    """Return an encrypted payload as the Web UI sends it."""
    (payload,) = await encrypting(PayloadCipher(key)).encode([value])
    return {
        "metadata": {
            name: base64.b64encode(part).decode() for name, part in payload.metadata.items()
        },
        "data": base64.b64encode(payload.data).decode(),
    }


def plain_text(payload: dict[str, Any]) -> bytes:
    return base64.b64decode(payload["data"])


async def test_payloads_of_the_web_ui_are_decrypted_and_encrypted() -> None:
    sent = {"payloads": [await encrypted(KEY, "one"), await encrypted(KEY, {"two": 2})]}
    headers = {"Origin": UI, "X-Namespace": "default"}
    async with calls(settings()) as server:
        answer = await server.post("/decode", json=sent, headers=headers)
        decoded = answer.json()["payloads"]
        again = (await server.post("/encode", json=answer.json(), headers=headers)).json()
        back = (await server.post("/decode", json=again, headers=headers)).json()
    assert [plain_text(one) for one in decoded] == [b'"one"', b'{"two":2}']
    assert answer.headers["Access-Control-Allow-Origin"] == UI
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"one" not in plain_text(again["payloads"][0])
    assert back == answer.json()


async def test_payload_without_its_key_stays_as_it_is_beside_the_others() -> None:
    unreadable = await encrypted(OTHER_KEY, "secret")
    plain = {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "MQ=="}
    sent = {"payloads": [unreadable, plain, await encrypted(KEY, "one")]}
    async with calls(settings()) as server:
        found = (await server.post("/decode", json=sent)).json()["payloads"]
        nothing = await server.post("/decode", json={"payloads": []})
    assert found[:2] == [unreadable, plain]
    assert plain_text(found[2]) == b'"one"'
    assert nothing.json() == {"payloads": []}


async def test_preflight_of_the_web_ui_is_answered() -> None:
    asks = {
        "Origin": UI,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }
    for app_settings in (settings(), settings(codec_proxy_secret=SecretStr(PROXY_SECRET))):
        async with calls(app_settings) as server:
            answer = await server.options("/decode", headers=asks)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == UI
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://localhost:8081", {"Origin": "https://elsewhere.example"}),
        ("http://localhost:8081", {"Origin": "null"}),
        ("http://rebound.example:8081", {}),
    ],
)
async def test_other_pages_are_refused(url: str, headers: dict[str, str]) -> None:
    async with calls(settings(), url) as server:
        sent = {"payloads": [await encrypted(KEY, "canary")]}
        answer = await server.post("/decode", json=sent, headers=headers)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_requests_past_the_proxy_are_refused() -> None:
    sent = {"payloads": [await encrypted(KEY, "canary")]}
    app_settings = settings(codec_proxy_secret=SecretStr(PROXY_SECRET))
    async with calls(app_settings, "https://codec.example") as server:
        for headers in ({}, {PROXY_HEADER: "wrong"}, {PROXY_HEADER: ""}):
            answer = await server.post("/decode", json=sent, headers={"Origin": UI} | headers)
            assert answer.status_code == 403
        passed = await server.post(
            "/decode", json=sent, headers={"Origin": UI, PROXY_HEADER: PROXY_SECRET}
        )
    assert plain_text(passed.json()["payloads"][0]) == b'"canary"'


def test_listening_beyond_loopback_needs_a_proxy_that_proves_itself() -> None:
    check_host("127.0.0.1", settings())
    check_host("0.0.0.0", settings(codec_proxy_secret=SecretStr(PROXY_SECRET)))
    with pytest.raises(UsageError, match="nobody authenticates"):
        check_host("0.0.0.0", settings())
    with pytest.raises(UsageError, match="32 characters"):
        check_host("127.0.0.1", settings(codec_proxy_secret=SecretStr("short")))
    with pytest.raises(UsageError, match="no payload keys"):
        create_app(Settings(), [UI])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"payloads": 3}', 400),
        (b"\xff", 400),
        (b'{"payloads": ' + b"[" * 100_000, 400),
        (b" " * (MAX_BODY + 1), 413),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_body_that_is_none_is_refused(body: bytes, status: int) -> None:
    async with calls(settings()) as server:
        answer = await server.post("/decode", content=body)
    assert answer.status_code == status
    assert answer.json()["message"]


async def test_command_line_of_temporal_reads_a_workflow_through_the_codec_server(
    temporal: Client,
) -> None:
    config = temporal.config()
    config["data_converter"] = encrypting(PayloadCipher(KEY))
    keyed = Client(**config)
    text = f"canary-{uuid4()}"
    handle = await keyed.start_workflow("Nobody", text, id=f"read-{uuid4()}", task_queue="nobody")
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "starter.py", "codec-server", "--port", "0"),
        cwd=APPLICATION,
        env=os.environ | {"DOCMILL_PAYLOAD_KEYS": KEY, "DOCMILL_LOG_FORMAT": "json"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert server.stderr is not None
        async for line in server.stderr:
            if json.loads(line)["event"] == "codec_server.starting":
                break
        endpoint = json.loads(line)["url"]
        shown = await _temporal(keyed, handle.id)
        decoded = await _temporal(keyed, handle.id, "--codec-endpoint", endpoint)
    finally:
        server.terminate()
        await server.wait()
    as_shown = base64.b64encode(json.dumps(text).encode()).decode()
    assert as_shown not in shown
    assert as_shown in decoded


async def _temporal(client: Client, workflow_id: str, *options: str) -> str:
    """Return what ``temporal workflow show`` prints."""
    process = await asyncio.create_subprocess_exec(
        *(str(BINARIES / "temporal"), "workflow", "show", "--output", "json"),
        *("--address", client.service_client.config.target_host, "--workflow-id", workflow_id),
        *options,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode()
