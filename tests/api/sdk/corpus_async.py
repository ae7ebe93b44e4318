"""A folder through v2 with the asynchronous client, with concurrent requests."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from llama_cloud import AsyncLlamaCloud

AT_ONCE = asyncio.Semaphore(8)


async def upload(client: AsyncLlamaCloud, directory: str, path: Path) -> None:
    async with AT_ONCE:
        await client.beta.directories.files.upload(
            directory, upload_file=path, unique_id=path.name, display_name=path.name
        )


async def read(client: AsyncLlamaCloud, job_id: str) -> dict[str, Any]:
    async with AT_ONCE:
        answer = await client.parsing.get(job_id, expand=["markdown"])
    pages = [page.markdown for page in answer.markdown.pages if page.success]
    return {"status": answer.job.status, "error": None, "markdown": pages}


async def main() -> None:
    async with AsyncLlamaCloud() as client:
        directory = await client.beta.directories.create(name="corpus, asynchronously")
        paths = sorted(Path(sys.argv[1]).iterdir())
        await asyncio.gather(*(upload(client, directory.id, path) for path in paths))
        configuration = await client.configurations.create(
            name="asynchronously",
            parameters={
                "product_type": "parse_v2",
                "tier": "cost_effective",
                "version": "latest",
                "disable_cache": True,
            },
        )
        batch = await client.batches.create(
            source_directory_id=directory.id,
            config={"job": {"type": "parse_v2", "configuration_id": configuration.id}},
        )
        while batch.status not in ("COMPLETED", "FAILED", "CANCELLED"):
            await asyncio.sleep(0.3)
            batch = await client.batches.get(batch.id, expand=["results"])
        names = {}
        async for row in client.beta.directories.files.list(directory.id, page_size=10):
            names[row.id] = row.display_name
        jobs = {result.job_reference.id: result for result in batch.results}
        found, completed = {}, []
        async for job in client.parsing.list(job_ids=list(jobs), page_size=10):
            name = names[jobs[job.id].source_directory_file_id]
            found[name] = {"status": job.status, "error": job.error_message, "markdown": None}
            if job.status == "COMPLETED":
                completed.append((name, job.id))
        answers = await asyncio.gather(*(read(client, job_id) for _, job_id in completed))
        found |= {name: answer for (name, _), answer in zip(completed, answers, strict=True)}
        print(json.dumps({"status": batch.status, "files": found}))


asyncio.run(main())
