"""Results of a parse besides text: images, items, words, downloads; the same file twice."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from llama_cloud import LlamaCloud

client = LlamaCloud()
job = client.parsing.create(
    upload_file=Path(sys.argv[1]),
    tier="fast",
    version="latest",
    output_options={
        "images_to_save": ["screenshot", "embedded"],
        "additional_outputs": ["stripped_md", "concatenated_stripped_txt", "word_bbox"],
        "extract_printed_page_number": True,
        "save_output_pdf": True,
        "watermark_handling": "remove",
    },
    page_ranges={"target_pages": "1-2"},
)
client.parsing.wait_for_completion(job.id)
forms = (
    "text", "markdown", "items", "metadata", "forms", "raw_words", "xlsx", "output_pdf",
    "stripped_markdown", "concatenated_stripped_markdown",
)  # fmt: skip
found = client.parsing.get(
    job.id,
    expand=[
        *("markdown", "text", "items", "metadata", "job_metadata", "usage"),
        "images_content_metadata",
        *(f"{form}_content_metadata" for form in forms),
    ],
)
named = client.parsing.get(
    job.id, expand=["images_content_metadata"], image_filenames="page_2.png, none.png"
)


def fetched(url: str) -> dict[str, Any]:
    with urlopen(url) as answer:
        data = answer.read()
    return {
        "type": answer.headers["content-type"],
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "start": data[:4].decode("latin-1"),
    }


print(
    json.dumps(
        {
            "images": [
                image.to_dict(mode="json") | {"file": fetched(image.presigned_url)}
                for image in found.images_content_metadata.images
            ],
            "total": found.images_content_metadata.total_count,
            "named": [image.filename for image in named.images_content_metadata.images],
            "item_types": [
                [(type(item).__name__, item.type) for item in page.items]
                for page in found.items.pages
            ],
            "boxes": [item.bbox[0].w for item in found.items.pages[0].items if item.bbox],
            "footers": [page.footer for page in found.markdown.pages],
            "printed": [page.printed_page_number for page in found.metadata.pages],
            "job": found.job_metadata,
            "contents": {
                name: {
                    "exists": content.exists,
                    "size": content.size_bytes,
                    "file": fetched(content.presigned_url) if content.presigned_url else None,
                }
                for name, content in found.result_content_metadata.items()
            },
        }
    )
)
