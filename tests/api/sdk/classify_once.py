"""Single classify jobs: the helper, sync and async; by configuration, repeated, listed, deleted."""

import asyncio
import json
import sys
from pathlib import Path

from llama_cloud import APIStatusError, AsyncLlamaCloud, LlamaCloud

path, rules = Path(sys.argv[1]), json.loads(sys.argv[2])
client = LlamaCloud()
file = client.files.create(file=path, purpose="classify")
ran = client.classify.run(file_input=file.id, configuration={"rules": rules})
configuration = client.configurations.create(
    name="types", parameters={"product_type": "classify_v2", "rules": rules}
)
job = client.classify.create(
    file_input=file.id, configuration_id=configuration.id, transaction_id="only once"
)
again = client.classify.create(
    file_input="dfl-ignored", configuration={"rules": rules[:1]}, transaction_id="only once"
)
done = client.classify.wait_for_completion(job.id)
parse = client.parsing.create(file_id=file.id, tier="fast", version="latest")
client.parsing.wait_for_completion(parse.id)
by_parse = client.classify.run(file_input=parse.id, configuration={"rules": rules})
listed = [one.id for one in client.classify.list(page_size=1)]


async def later() -> str:
    async with AsyncLlamaCloud() as other:
        answer = await other.classify.run(
            file_input=file.id,
            configuration={"rules": rules, "parsing_configuration": {"max_pages": 1}},
        )
        return answer.result.type


refused = {}
for name, call in {
    "ended": lambda: client.post(f"/api/v2/classify/{job.id}/cancel", cast_to=object),
    "url": lambda: client.classify.create(
        file_input="http://169.254.169.254/a.pdf", configuration={"rules": rules}
    ),
    "rules": lambda: client.classify.create(file_input=file.id, configuration={"rules": []}),
    "file": lambda: client.classify.create(file_input="dfl-no", configuration={"rules": rules}),
}.items():
    try:
        call()
    except APIStatusError as error:
        refused[name] = error.status_code
client.delete(f"/api/v2/classify/{job.id}", cast_to=object)
try:
    client.classify.get(job.id)
except APIStatusError as error:
    refused["deleted"] = error.status_code
print(
    json.dumps(
        {
            "ran": ran.to_dict(mode="json"),
            "job": done.to_dict(mode="json"),
            "again": again.id == job.id,
            "by_parse": by_parse.to_dict(mode="json"),
            "parse": parse.id,
            "listed": {ran.id, job.id, by_parse.id} <= set(listed),
            "async": asyncio.run(later()),
            "refused": refused,
        }
    )
)
