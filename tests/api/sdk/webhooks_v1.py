"""A v1 batch that reports its files and its end to webhooks; prints its id."""

import io
import json
import sys
import time

from llama_cloud import LlamaCloud

client = LlamaCloud()
receiver = sys.argv[1]
directory = client.beta.directories.create(name="told v1")
note = io.BytesIO(b"A note that v1 tells of.")
client.beta.directories.files.upload(directory.id, upload_file=("note.txt", note))
job = client.beta.batch.create(
    job_config={
        "job_name": "parse_raw_file_job",
        "webhook_url": f"{receiver}/end",
        "parameters": {
            "fast_mode": True,
            "webhook_url": f"{receiver}/plain",
            "webhook_configurations": [{"webhook_url": f"{receiver}/all"}],
        },
    },
    directory_id=directory.id,
)
while job.status not in ("completed", "failed", "cancelled"):
    time.sleep(0.2)  # the SDK has no call that waits for a change
    job = client.beta.batch.get_status(job.id).job
assert job.status == "completed", job
print(json.dumps({"batch": job.id}))
