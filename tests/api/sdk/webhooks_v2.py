"""A v2 batch and a single job that report to webhooks, by the latest client; prints their ids."""

import io
import json
import sys
import time

from llama_cloud import LlamaCloud

client = LlamaCloud()
receiver = sys.argv[1]
secret = sys.argv[2]
stored = client.webhook_configs.create(
    webhook_url=f"{receiver}/stored",
    webhook_events=["batch.success"],
    webhook_output_format="json",
    webhook_signing_secret=secret,
)
assert stored.has_secret, stored
directory = client.beta.directories.create(name="told")
note = io.BytesIO(b"A note that is told of.")
client.beta.directories.files.upload(directory.id, upload_file=("note.txt", note))
configuration = client.configurations.create(
    name="told",
    parameters={
        "product_type": "parse_v2",
        "tier": "fast",
        "version": "latest",
        "webhook_configurations": [
            {"webhook_url": f"{receiver}/files", "webhook_signing_secret": secret}
        ],
    },
)
assert secret not in configuration.to_json(), "the secret is shown"
batch = client.batches.create(
    source_directory_id=directory.id,
    config={"job": {"type": "parse_v2", "configuration_id": configuration.id}},
    webhook_configuration_ids=[stored.id],
    webhook_configurations=[
        {
            "webhook_url": f"{receiver}/inline",
            "webhook_signing_secret": secret,
            "webhook_headers": {"X-Team": "mill"},
        }
    ],
)
job = client.parsing.create(
    upload_file=("alone.txt", b"A file of its own."),
    tier="fast",
    version="latest",
    webhook_configurations=[
        {"webhook_url": f"{receiver}/job", "webhook_events": ["parse.success"]}
    ],
)
while batch.status not in ("COMPLETED", "FAILED", "CANCELLED"):
    time.sleep(0.2)  # the SDK has no call that waits for a change
    batch = client.batches.get(batch.id)
client.parsing.wait_for_completion(job.id, timeout=60)
print(json.dumps({"batch": batch.id, "job": job.id, "stored": stored.id}))
