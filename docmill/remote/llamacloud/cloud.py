"""LlamaCloud's API, as far as a job needs it, and its errors as failures."""

import mimetypes
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import httpx

from docmill.errors import FailureClass, ItemFailure
from docmill.remote.http import RemoteHttp
from docmill.remote.llamacloud.answers import File, Job, Listed, read
from docmill.settings import MIB

FILES = "/api/v1/beta/files"
RUN = "docmill_run"
"""Key of the run id in the metadata of a parse job."""
MAX_RESULT = 256 * MIB
"""Maximum bytes of one result: thousands of pages with all their elements."""
MAX_NAME = 255
_MAX_DETAIL = 10_000
"""Maximum characters of an error response that are read."""
_PAGE = 100
"""Rows of one list page; the maximum that all products support."""
_CLOCK_SLACK = timedelta(minutes=10)
"""Maximum difference between clocks inside LlamaCloud."""
_DENIED: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "does not accept the key",
    HTTPStatus.PAYMENT_REQUIRED: "has no credits left for this key",
    HTTPStatus.FORBIDDEN: "does not let the key do this",
}


class Cloud:
    """One account at one address."""

    def __init__(self, http: RemoteHttp, key: str, project_id: str) -> None:
        """Create it on a connection; errors never contain ``key``; ``project_id`` may be empty."""
        self._http = http
        self._key = key
        self._scope = {"project_id": project_id} if project_id else {}
        self.host = http.host

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def upload(
        self, document: BinaryIO, name: str, run_id: str, purpose: str
    ) -> tuple[str, str | None]:
        """Stream an open file to LlamaCloud, and return its id and LlamaCloud's time."""
        short = PurePosixPath(name).name[-MAX_NAME:]
        kind = media_type(name)
        response = await self._send(
            "POST",
            FILES,
            files={"file": (short, document, kind)},
            data={"purpose": purpose, "external_file_id": run_id},
            headers=_key_of(run_id, "file"),
        )
        return read(File, response).id, _time_of(response)

    async def uploads(self, run_id: str) -> tuple[list[str], str | None]:
        """Return the ids of the files that a run has uploaded, and LlamaCloud's time."""
        response = await self._send("GET", FILES, params={"external_file_id": run_id})
        return [file.id for file in read(Listed[File], response).items], _time_of(response)

    async def delete_file(self, file_id: str) -> None:
        """Delete an uploaded file; a missing file is no error."""
        await self._send("DELETE", f"{FILES}/{file_id}", fine=(HTTPStatus.NOT_FOUND,))

    async def create(self, path: str, body: Mapping[str, Any], run_id: str) -> str:
        """Create a job and return its id."""
        response = await self._send("POST", path, json=body, headers=_key_of(run_id, "job"))
        return read(Job, response).id

    async def jobs(self, path: str, since: str | None, **filters: str) -> AsyncIterator[Job]:
        """Yield the matching jobs of a list, newest first.

        Args:
            path: of the product.
            since: minimum creation time, by LlamaCloud's clock.
            filters: further filters of the product's list.
        """
        params: dict[str, Any] = {"page_size": _PAGE, **filters}
        if since is not None:
            params["created_at_on_or_after"] = since
        while True:
            listed = read(Listed[Job], await self._send("GET", path, params=params))
            for job in listed.items:
                yield job
            if not listed.items or not listed.next_page_token:
                return
            params["page_token"] = listed.next_page_token

    async def get(self, path: str, job_id: str, expand: tuple[str, ...] = ()) -> httpx.Response:
        """Return the current state of a job, with the parts that ``expand`` names."""
        params = {"expand": list(expand)}
        return await self._send("GET", f"{path}/{job_id}", params=params, max_bytes=MAX_RESULT)

    async def cancel(self, path: str, job_id: str) -> None:
        """Cancel a job; a missing or ended job is no error."""
        ended = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST)
        await self._send("POST", f"{path}/{job_id}/cancel", fine=ended)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        fine: tuple[int, ...] = (),
        **request: Any,
    ) -> httpx.Response:
        """Send a request in the scope of the project.

        Raises:
            UnavailableError: LlamaCloud is unavailable or busy.
            ItemFailure: it returns an error status that is not in ``fine``.
        """
        scoped = {**self._scope, **(params or {})}
        response = await self._http.send(method, path, params=scoped, **request)
        if response.is_success or response.status_code in fine:
            return response
        raise self._refusal(response)

    def _refusal(self, response: httpx.Response) -> ItemFailure:
        status = response.status_code
        if status in _DENIED:
            message = f"{self.host} {_DENIED[status]} ({status})."
            return ItemFailure(FailureClass.ENGINE_DENIED, message)
        return ItemFailure(
            FailureClass.ENGINE_REFUSED,
            self.without_key(f"{self.host} answered {status}: {_detail(response)}"),
        )

    def without_key(self, text: str) -> str:
        """Return a message of LlamaCloud without the API key."""
        return text.replace(self._key, "[key]") if self._key else text


def media_type(name: str) -> str:
    """Return the media type of a file name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _key_of(run_id: str, step: str) -> dict[str, str]:
    """Return the header that makes a create idempotent at Docmill; LlamaCloud ignores it."""
    return {"Idempotency-Key": f"{run_id}-{step}"}


def _time_of(response: httpx.Response) -> str | None:
    """Return LlamaCloud's time minus `_CLOCK_SLACK`, to compare with creation times there."""
    try:
        date = parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None
    return (date - _CLOCK_SLACK).isoformat()


def _detail(response: httpx.Response) -> str:
    """Return the message of an error response, in either of the API's formats."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.text[:_MAX_DETAIL] or "no reason given"
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        where = ".".join(map(str, detail[0].get("loc", ())))
        return f"{where}: {detail[0].get('msg', '')}"
    return str(detail)[:_MAX_DETAIL]
