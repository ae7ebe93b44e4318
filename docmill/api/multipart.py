"""Forms in the OpenAPI document: their bodies are read by hand, so they are described by hand."""

from collections.abc import Sequence
from typing import Any


def form_body(file_part: str, required: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """Return the description of a form with one file and text parts."""
    texts = {name: {"type": "string"} for name in (*required, *optional)}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": [file_part, *required],
                        "properties": {
                            file_part: {"type": "string", "format": "binary"},
                            **texts,
                        },
                    }
                }
            },
        }
    }
