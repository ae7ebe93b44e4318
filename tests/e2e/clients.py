"""Clients of the deployment: its HTTP API and its object store."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
from obstore.store import S3Store

from tests.e2e.deployment import API_URL, STORE_URL, Deployment
from tests.e2e.documents import Document

ENDED = ("COMPLETED", "FAILED", "CANCELLED")


class Api:
    """Docmill's HTTP API, asked again while it or what it needs is away."""

    def __init__(self, deployment: Deployment) -> None:
        made = deployment.command("keys", "create", "--role", "admin", "--json")
        key = json.loads(made.splitlines()[-1])["key"]
        self._client = httpx.Client(
            base_url=API_URL, headers={"Authorization": f"Bearer {key}"}, timeout=30
        )

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Return the body of a successful answer; tries for two minutes."""
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = self._client.request(method, path, **options)
                if answer.status_code < 500:
                    answer.raise_for_status()
                    return answer.json()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path}: {answer.status_code}")
            time.sleep(1)

    def start(self, bucket: str, output: str = "") -> str:
        """Start a batch over the documents of a bucket; return its id.

        Args:
            bucket: URL of the documents.
            output: folder for its results, in the project's part of the bucket `results`.
        """
        source = {"name": "end to end", "source": {"bucket": bucket}}
        directory = self.ask("POST", "/api/docmill/v1/directories", json=source)
        job = {"type": "parse_v2", "configuration_id": "cfg-PARSE_COST_EFFECTIVE"}
        asked = {"source_directory_id": directory["id"], "config": {"job": job}}
        if output:
            asked["output"] = {"bucket": f"s3://results/{directory['project_id']}/{output}"}
        batch_id: str = self.ask("POST", "/api/v2/batches", json=asked)["id"]
        return batch_id

    def batch(self, batch_id: str) -> dict[str, Any]:
        """Return the state of a batch; ``done`` is the number of files with an outcome."""
        shown: dict[str, Any] = self.ask("GET", f"/api/docmill/v1/batches/{batch_id}")
        counts = shown["counts"]
        done = sum(counts[name] for name in ("completed", "failed", "skipped", "cancelled"))
        return {**shown, "done": done}

    def ended(self, batch_id: str, within: float) -> dict[str, Any]:
        """Wait until a batch has ended.

        Raises:
            AssertionError: it has not after these seconds.
        """
        deadline = time.monotonic() + within
        while True:
            shown = self.batch(batch_id)
            if shown["status"] in ENDED:
                return shown
            if time.monotonic() > deadline:
                raise AssertionError(f"the batch is stuck: {shown['counts']}")
            time.sleep(1)

    def exported(self, batch_id: str, within: float) -> str:
        """Wait until the results of an ended batch are at their destination; return its URL.

        Raises:
            AssertionError: they are not after these seconds.
        """
        deadline = time.monotonic() + within
        while True:
            output = self.batch(batch_id)["output"]
            if output["exported_at"]:
                location: str = output["location"]
                return location
            if time.monotonic() > deadline:
                raise AssertionError(f"the export is stuck: {output}")
            time.sleep(1)

    def items(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """Yield all files of a batch with their outcomes."""
        query: dict[str, Any] = {"page_size": 500}
        while True:
            path = f"/api/docmill/v1/batches/{batch_id}/items"
            page = self.ask("GET", path, params=query)
            yield from page["items"]
            if not page["next_page_token"]:
                return
            query["page_token"] = page["next_page_token"]


class Store:
    """The S3 store, whose stand-in takes objects without signatures, and checks none."""

    def __init__(self) -> None:
        self._client = httpx.Client(base_url=STORE_URL, timeout=30)

    def make_buckets(self) -> None:
        """Make the buckets of the deployment."""
        for bucket in ("documents", "docmill", "results"):
            self._client.put(f"/{bucket}").raise_for_status()

    def put(self, prefix: str, documents: Iterable[Document]) -> None:
        """Store documents below ``BUCKET/FOLDER``."""
        for one in documents:
            answer = self._client.put(f"/{prefix}/{one.name}", content=one.content)
            answer.raise_for_status()

    def read(self, path: str) -> bytes:
        """Return an object of ``BUCKET/KEY``."""
        bucket, _, key = path.partition("/")
        store = S3Store(
            bucket,
            endpoint=STORE_URL,
            region="us-east-1",
            access_key_id="any",
            secret_access_key="any",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        return bytes(store.get(key).bytes())
