"""Single parse jobs: the helper, by file id, by configuration, list, cancel, delete."""

import asyncio
import json
import sys
from pathlib import Path

from llama_cloud import APIStatusError, AsyncLlamaCloud, LlamaCloud

path = Path(sys.argv[1])
client = LlamaCloud()
parsed = client.parsing.parse(
    upload_file=path, tier="fast", version="latest", expand=["markdown", "text"]
)
file = client.files.create(file=path, purpose="parse")
configuration = client.configurations.create(
    name="single", parameters={"product_type": "parse_v2", "tier": "fast", "version": "latest"}
)
job = client.parsing.create(
    file_id=file.id,
    configuration_id=configuration.id,
    tier="configured",
    version="configured",
    user_metadata={"mine": "yes"},
)
client.parsing.wait_for_completion(job.id)
done = client.parsing.get(job.id).job
listed = [one.id for one in client.parsing.list(job_ids=[job.id, parsed.job.id])]


async def again() -> str:
    async with AsyncLlamaCloud() as later:
        answer = await later.parsing.parse(
            file_id=file.id, tier="cost_effective", version="latest", expand=["text"]
        )
        return answer.job.status


refused = {}
for name, call in {
    "cancel": lambda: client.post(f"/api/v2/parse/{job.id}/cancel", cast_to=object),
    "url": lambda: client.parsing.create(
        source_url="http://169.254.169.254/latest/meta-data", tier="fast", version="latest"
    ),
    "unknown": lambda: client.parsing.create(
        file_id=file.id, tier="fast", version="latest", extra_body={"nonsense": 1}
    ),
}.items():
    try:
        call()
    except APIStatusError as error:
        refused[name] = error.status_code
print(
    json.dumps(
        {
            "markdown": [page.markdown for page in parsed.markdown.pages],
            "names": [parsed.job.name, job.name],
            "job": done.to_dict(mode="json"),
            "listed": sorted(listed) == sorted([job.id, parsed.job.id]),
            "async": asyncio.run(again()),
            "refused": refused,
            "directories": [one.name for one in client.beta.directories.list()],
        }
    )
)
