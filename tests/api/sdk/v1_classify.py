"""A folder through v1 with rules: create, status, items, each item's job, history."""

import json
import sys
import time
import uuid
from pathlib import Path

from llama_cloud import LlamaCloud

client = LlamaCloud()
directory = client.beta.directories.create(name="v1 classify")
for path in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_file()):
    client.beta.directories.files.upload(directory.id, upload_file=path, unique_id=path.name)
job = client.beta.batch.create(
    directory_id=directory.id,
    job_config={
        "id": str(uuid.uuid4()),
        "project_id": str(uuid.uuid4()),
        "user_id": "me",
        "status": "PENDING",
        "rules": json.loads(sys.argv[2]),
        "parsing_configuration": {"max_pages": 5},
    },
)
while True:
    state = client.beta.batch.get_status(job.id)
    if state.job.status in ("completed", "failed", "cancelled"):
        break
    time.sleep(0.3)  # the SDK has no call that waits for a change
found = {}
for item in client.beta.batch.job_items.list(job.id):
    answer = client.classify.get(item.job_id)
    result = answer.result.to_dict(mode="json") if answer.result else None
    found[item.item_name] = {"status": answer.status, "result": result}
    history = client.beta.batch.job_items.get_processing_results(item.item_id)
print(
    json.dumps(
        {
            "job": state.job.to_dict(mode="json"),
            "files": found,
            "history": [one.to_dict(mode="json") for one in history.processing_results],
        }
    )
)
