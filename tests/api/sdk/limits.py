"""Exceed the limits of a project: requests that are retried, and an upload that is not."""

import json
import sys

import httpx
from llama_cloud import LlamaCloud, RateLimitError

statuses: list[int] = []
http = httpx.Client(event_hooks={"response": [lambda it: statuses.append(it.status_code)]})
client = LlamaCloud(api_key=sys.argv[1], http_client=http)

for _ in range(4):
    list(client.beta.directories.list())
listed, statuses[:] = list(statuses), []

refused = ""
while not refused:
    try:
        client.files.create(file=("large.bin", bytes(2 * 1024 * 1024)), purpose="parse")
    except RateLimitError as error:
        refused = str(error)
print(json.dumps({"listed": listed, "uploaded": statuses, "refused": refused}))
