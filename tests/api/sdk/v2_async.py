"""A folder through v2 with the asynchronous client: attached files, a preset, the waiter."""

import asyncio
import json
import sys
from pathlib import Path

from llama_cloud import AsyncLlamaCloud


async def main() -> None:
    async with AsyncLlamaCloud() as client:
        directory = await client.beta.directories.create(name="attached")
        for path in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_file()):
            file = await client.files.create(file=path, purpose="parse")
            await client.beta.directories.files.add(directory.id, file_id=file.id)
        batch = await client.batches.create(
            source_directory_id=directory.id,
            config={"job": {"type": "parse_v2", "configuration_id": "cfg-PARSE_COST_EFFECTIVE"}},
        )
        while batch.status not in ("COMPLETED", "FAILED", "CANCELLED"):
            await asyncio.sleep(0.3)
            batch = await client.batches.get(batch.id)
        batch = await client.batches.get(batch.id, expand=["results"])
        names = {}
        async for row in client.beta.directories.files.list(directory.id, page_size=3):
            names[row.id] = row.display_name
        first = batch.results[0].job_reference.id
        await client.parsing.wait_for_completion(first)
        found = {}
        for result in batch.results:
            answer = await client.parsing.get(result.job_reference.id, expand=["markdown"])
            pages = answer.markdown.pages if answer.markdown else []
            found[names[result.source_directory_file_id]] = {
                "status": answer.job.status,
                "error": answer.job.error_message,
                "markdown": [page.markdown for page in pages if page.success] or None,
            }
        await client.beta.directories.delete(directory.id)
        print(json.dumps({"status": batch.status, "files": found}))


asyncio.run(main())
