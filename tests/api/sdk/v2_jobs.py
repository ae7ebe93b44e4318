"""A folder through v2 for any product, by the synchronous and by the asynchronous client."""

import asyncio
import json
import sys
import time
from pathlib import Path

from llama_cloud import AsyncLlamaCloud, LlamaCloud

folder, parameters = Path(sys.argv[1]), json.loads(sys.argv[2])
product = parameters["product_type"]
client = LlamaCloud()
directory = client.beta.directories.create(name="for jobs", type="ephemeral")
names = {}
for path in sorted(path for path in folder.iterdir() if path.is_file()):
    file = client.beta.directories.files.upload(directory.id, upload_file=path)
    names[file.id] = file.display_name
configuration = client.configurations.create(name="any job", parameters=parameters)
asked = {
    "source_directory_id": directory.id,
    "config": {"job": {"type": product, "configuration_id": configuration.id}},
}
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


def shown(job) -> dict:
    """What one job gave."""
    if product == "extract_v2":
        return {"status": job.status, "result": job.extract_result}
    pages = [page.markdown for page in job.markdown.pages if page.success] if job.markdown else None
    return {"status": job.job.status, "result": pages}


def by_one() -> dict:
    batch = client.batches.create(**asked)
    while batch.status not in ENDED:
        time.sleep(0.2)  # the SDK has no call that waits for a change
        batch = client.batches.get(batch.id)
    found = {}
    for one in client.batches.get(batch.id, expand=["results"]).results:
        job = one.job_reference
        assert job.type == product, job
        get = client.extract.get if product == "extract_v2" else client.parsing.get
        expand = [] if product == "extract_v2" else ["markdown"]
        found[names[one.source_directory_file_id]] = shown(get(job.id, expand=expand))
    return found


async def by_other() -> dict:
    async with AsyncLlamaCloud() as other:
        batch = await other.batches.create(**asked)
        while batch.status not in ENDED:
            await asyncio.sleep(0.2)
            batch = await other.batches.get(batch.id)
        batch = await other.batches.get(batch.id, expand=["results"])
        get = other.extract.get if product == "extract_v2" else other.parsing.get
        expand = [] if product == "extract_v2" else ["markdown"]
        jobs = await asyncio.gather(
            *(get(one.job_reference.id, expand=expand) for one in batch.results)
        )
    ids = [names[one.source_directory_file_id] for one in batch.results]
    return dict(zip(ids, map(shown, jobs), strict=True))


print(json.dumps({"sync": by_one(), "async": asyncio.run(by_other())}))
