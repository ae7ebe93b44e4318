"""A folder through v1: create, status, items, results, history, cancel."""

import json
import sys
import time
from pathlib import Path

from llama_cloud import APIStatusError, LlamaCloud

client = LlamaCloud()
directory = client.beta.directories.create(name="v1")
for path in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_file()):
    client.beta.directories.files.upload(directory.id, upload_file=path, unique_id=path.name)
job = client.beta.batch.create(
    directory_id=directory.id,
    job_config={
        "job_name": "parse_raw_file_job",
        "parameters": {"tier": "fast", "version": "latest", "lang": "en"},
    },
    page_size=2,
    continue_as_new_threshold=4,
)
assert job.status == "pending", job
while True:
    state = client.beta.batch.get_status(job.id)
    assert 0 <= state.progress_percentage <= 100
    if state.job.status in ("completed", "failed", "cancelled"):
        break
    time.sleep(0.3)  # the SDK has no call that waits for a change
found = {}
last = None
for item in client.beta.batch.job_items.list(job.id, limit=2):
    pages = None
    if item.status == "completed" or item.skip_reason == "already_processed":
        answer = client.parsing.get(item.job_id, expand=["markdown"])
        pages = [page.markdown for page in answer.markdown.pages if page.success]
        last = item
    found[item.item_name] = {
        "status": item.status,
        "error": item.error_message,
        "skip_reason": item.skip_reason,
        "markdown": pages,
    }
history = client.beta.batch.job_items.get_processing_results(last.item_id, job_type="parse")
again = client.beta.batch.create(
    item_ids=[last.item_id], job_config={"parameters": {"tier": "fast"}}
)
listed = [row.id for row in client.beta.batch.list(directory_id=directory.id, limit=1)]
assert listed == [job.id], listed
try:
    client.beta.batch.cancel(job.id, reason="too late")
    refused = None
except APIStatusError as error:
    refused = error.status_code
while client.beta.batch.get_status(again.id).job.status not in ("completed", "failed"):
    time.sleep(0.3)  # the SDK has no call that waits for a change
(repeated,) = client.beta.batch.job_items.list(again.id)
print(
    json.dumps(
        {
            "job": state.job.to_dict(mode="json"),
            "progress": state.progress_percentage,
            "files": found,
            "history": [one.to_dict(mode="json") for one in history.processing_results],
            "refused": refused,
            "repeated": repeated.to_dict(mode="json"),
        }
    )
)
