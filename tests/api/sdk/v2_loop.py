"""A folder through v2 with the synchronous client; prints each file's job and pages."""

import json
import sys
import time
from pathlib import Path

from llama_cloud import LlamaCloud

client = LlamaCloud()
directory = client.beta.directories.create(name="papers", type="ephemeral")
names = {}
for path in sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file()):
    name = str(path.relative_to(sys.argv[1]))
    file = client.beta.directories.files.upload(
        directory.id, upload_file=path, unique_id=name, display_name=name
    )
    names[file.id] = file.display_name
configuration = client.configurations.create(
    name="cheap",
    parameters={
        "product_type": "parse_v2",
        "tier": "cost_effective",
        "version": "latest",
        "disable_cache": True,
    },
)
batch = client.batches.create(
    source_directory_id=directory.id,
    config={"job": {"type": "parse_v2", "configuration_id": configuration.id}},
)
assert batch.status == "PENDING", batch
while batch.status not in ("COMPLETED", "FAILED", "CANCELLED"):
    time.sleep(0.3)  # the SDK has no call that waits for a change
    batch = client.batches.get(batch.id)
assert batch.results is None
batch = client.batches.get(batch.id, expand=["results"])
found = {}
for result in batch.results or []:
    assert result.job_reference is not None, result
    job_id = result.job_reference.id
    answer = client.parsing.get(job_id, expand=["markdown", "text", "items", "metadata"])
    pages = None
    if answer.job.status == "COMPLETED":
        pages = [page.markdown for page in answer.markdown.pages if page.success]
        assert len(answer.text.pages) == len(answer.items.pages) == len(answer.markdown.pages)
    name = names[result.source_directory_file_id]
    found[name] = {
        "status": answer.job.status,
        "error": answer.job.error_message,
        "markdown": pages,
    }
listed = [row.id for row in client.batches.list(source_directory_id=directory.id, page_size=1)]
assert listed == [batch.id], listed
waited = client.parsing.list(job_ids=[r.job_reference.id for r in batch.results], page_size=2)
assert len(list(waited)) == len(batch.results)
print(json.dumps({"status": batch.status, "files": found}))
