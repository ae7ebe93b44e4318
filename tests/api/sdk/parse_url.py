"""Parse jobs over two URLs: one that is served and one that is not."""

import json
import sys

from llama_cloud import LlamaCloud

client = LlamaCloud()
answers = {}
for name, url in zip(("good", "gone"), sys.argv[1:], strict=True):
    job = client.parsing.create(source_url=url, tier="fast", version="latest")
    while job.status in ("PENDING", "RUNNING"):
        job = client.parsing.get(job.id).job
    parsed = client.parsing.get(job.id, expand=["markdown"])
    pages = parsed.markdown.pages if parsed.markdown else []
    answers[name] = {
        "job": parsed.job.to_dict(mode="json"),
        "markdown": "".join(page.markdown for page in pages),
    }
print(json.dumps(answers))
