"""A folder through v1: batch items, their processing results and their outputs."""

import json
import sys
import time
from pathlib import Path

from llama_cloud import LlamaCloud

client = LlamaCloud()
directory = client.beta.directories.create(name="corpus, v1")
for path in sorted(Path(sys.argv[1]).iterdir()):
    client.beta.directories.files.upload(directory.id, upload_file=path, unique_id=path.name)
job = client.beta.batch.create(
    directory_id=directory.id,
    job_config={
        "job_name": "parse_raw_file_job",
        "parameters": {"tier": "cost_effective", "version": "latest", "do_not_cache": True},
    },
    page_size=7,
)
while True:
    state = client.beta.batch.get_status(job.id)
    if state.job.status in ("completed", "failed", "cancelled"):
        break
    time.sleep(0.3)  # the SDK has no call that waits for a change
found = {}
for item in client.beta.batch.job_items.list(job.id, limit=10):
    history = client.beta.batch.job_items.get_processing_results(item.item_id, job_type="parse")
    made = len(history.processing_results)
    assert made == (item.status == "completed"), (item, made)
    pages = None
    if made:
        answer = client.parsing.get(item.job_id, expand=["markdown"])
        pages = [page.markdown for page in answer.markdown.pages if page.success]
    found[item.item_name] = {
        "status": item.status,
        "error": item.error_message,
        "markdown": pages,
    }
print(json.dumps({"status": state.job.status, "files": found}))
