"""Single extract jobs: the helper, sync and async; by configuration and parse job; schemas."""

import asyncio
import json
import sys
from pathlib import Path

from llama_cloud import APIStatusError, AsyncLlamaCloud, LlamaCloud

path, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
client = LlamaCloud()
SOON = {"polling_interval": 0.2, "backoff": "constant"}
file = client.files.create(file=path, purpose="extract")
ran = client.extract.run(file_input=file.id, configuration=asked)
schema = client.extract.validate_schema(data_schema=asked["data_schema"])
generated = client.extract.generate_schema(name="mine", data_schema=schema.data_schema)
configuration = client.configurations.create(
    name="fields", parameters={"product_type": "extract_v2", **asked, "cite_sources": True}
)
job = client.extract.create(file_input=file.id, configuration_id=configuration.id)
client.extract.wait_for_completion(job.id, **SOON)
job = client.extract.get(job.id, expand=["configuration", "usage"])
parse = client.parsing.create(file_id=file.id, tier="fast", version="latest")
client.parsing.wait_for_completion(parse.id, **SOON)
by_parse = client.extract.run(
    file_input=parse.id, configuration={**asked, "confidence_scores": True}, **SOON
)
by_page = client.extract.run(
    file_input=file.id, configuration={**asked, "extraction_target": "per_page"}, **SOON
)
jobs = [ran.id, job.id, by_parse.id, by_page.id]


def listed(**filters: object) -> list[int]:
    return [jobs.index(one.id) for one in client.extract.list(page_size=1, job_ids=jobs, **filters)]


async def later() -> dict:
    async with AsyncLlamaCloud() as other:
        answer = await other.extract.run(file_input=file.id, configuration=asked, **SOON)
        return answer.extract_result


refused = {}
for name, call in {
    "ended": lambda: client.extract.cancel(job.id),
    "schema": lambda: client.extract.validate_schema(data_schema={"type": "array"}),
    "engine": lambda: client.extract.create(
        file_input=file.id, configuration={"data_schema": asked["data_schema"]}
    ),
    "file": lambda: client.extract.create(file_input="dfl-no", configuration=asked),
    "prompt": lambda: client.extract.generate_schema(prompt="bills"),
}.items():
    try:
        call()
    except APIStatusError as error:
        refused[name] = error.status_code
found = {
    "ran": ran.to_dict(mode="json"),
    "job": job.to_dict(mode="json"),
    "by_parse": by_parse.to_dict(mode="json"),
    "by_page": by_page.to_dict(mode="json"),
    "parse": parse.id,
    "file": file.id,
    "configuration": configuration.id,
    "listed": {
        "all": listed(),
        "configuration": listed(configuration_id=configuration.id),
        "parsed": listed(document_input_type="parse_job_id"),
        "file": listed(file_input=file.id),
        "running": listed(status="RUNNING"),
    },
    "generated": generated.to_dict(mode="json"),
    "async": asyncio.run(later()),
}
client.extract.delete(job.id)
try:
    client.extract.get(job.id)
except APIStatusError as error:
    refused["deleted"] = error.status_code
print(json.dumps(found | {"refused": refused}))
