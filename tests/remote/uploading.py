"""Upload one file in a separate process, and print the growth of its memory in bytes, as JSON."""

import asyncio
import json
import sys
from pathlib import Path

import httpx

from docmill.remote.http import RemoteHttp
from docmill.remote.limits import HostLimit
from docmill.remote.llamacloud.cloud import Cloud


def peak() -> int:
    """The most memory that this process has had; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((line for line in lines if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(found.split()[1]) * 1024


async def main(url: str, file: str) -> None:
    """Upload ``file`` to the API at ``url``."""
    cloud = Cloud(RemoteHttp(url, HostLimit(1), timeout=httpx.Timeout(60)), "", "")
    await cloud.uploads("warm-up")
    before = peak()
    with Path(file).open("rb") as document:
        file_id, _ = await cloud.upload(document, "large.pdf", "run-large", "parse")
    print(json.dumps({"id": file_id, "grown": peak() - before}))
    await cloud.close()


asyncio.run(main(*sys.argv[1:]))
