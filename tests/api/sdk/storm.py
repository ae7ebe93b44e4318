"""Create several objects of every kind concurrently; the client retries lost answers."""

import asyncio
import json

from llama_cloud import AsyncLlamaCloud

COUNT = 3


async def make(client: AsyncLlamaCloud, number: int) -> dict[str, str]:
    directory = await client.beta.directories.create(name=f"storm {number}")
    entry = await client.beta.directories.files.upload(
        directory.id, upload_file=(f"{number}.txt", f"text {number}".encode())
    )
    file = await client.files.create(
        file=(f"file-{number}.txt", f"file {number}".encode()), purpose="parse"
    )
    configuration = await client.configurations.create(
        name=f"storm {number}",
        parameters={"product_type": "parse_v2", "tier": "fast", "version": "latest"},
    )
    hook = await client.webhook_configs.create(webhook_url=f"https://storm.example/{number}")
    batch = await client.batches.create(
        source_directory_id=directory.id,
        config={"job": {"type": "parse_v2", "configuration_id": configuration.id}},
    )
    return {
        "directory": directory.id,
        "entry": entry.id,
        "file": file.id,
        "hook": hook.id,
        "batch": batch.id,
    }


async def main() -> None:
    async with AsyncLlamaCloud() as client:
        print(json.dumps(await asyncio.gather(*(make(client, n) for n in range(COUNT)))))


asyncio.run(main())
