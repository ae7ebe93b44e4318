"""The endpoints of LlamaCloud that one job needs, and what its refusals mean."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

import httpx

from docmill.errors import FailureClass, ItemFailure
from docmill.remote.http import RemoteHttp
from docmill.remote.llamacloud.answers import File, Job, Listed, read
from docmill.settings import MIB

FILES = "/api/v1/beta/files"
RUN = "docmill_run"
"""Names the run in the metadata of the parse job that was made for it."""
MAX_RESULT = 256 * MIB
"""Bytes of one result: thousands of pages with all their elements."""
MAX_NAME = 255
_MAX_DETAIL = 10_000
"""Characters of a refusal that are looked at: far more than any error keeps."""
_PAGE = 100
"""Rows of one list page; the most that every product's list takes."""
_CLOCK_SLACK = timedelta(minutes=10)
"""How far the clocks inside the other side may differ from each other."""
_DENIED: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "does not accept the key",
    HTTPStatus.PAYMENT_REQUIRED: "has no credits left for this key",
    HTTPStatus.FORBIDDEN: "does not let the key do this",
}


class Cloud:
    """One account at one address."""

    def __init__(self, http: RemoteHttp, key: str, project_id: str) -> None:
        """Take the connection, the key that no error may show, and a project or nothing."""
        self._http = http
        self._key = key
        self._scope = {"project_id": project_id} if project_id else {}
        self.host = http.host

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def upload(
        self, path: Path, name: str, run_id: str, purpose: str
    ) -> tuple[str, str | None]:
        """Upload a file, streaming, and return its id and the other side's time."""
        short = PurePosixPath(name).name[-MAX_NAME:]
        kind = media_type(name)
        handle = await asyncio.to_thread(path.open, "rb")
        try:
            response = await self._send(
                "POST",
                FILES,
                files={"file": (short, handle, kind)},
                data={"purpose": purpose, "external_file_id": run_id},
                headers=_key_of(run_id, "file"),
            )
        finally:
            handle.close()
        return read(File, response).id, _time_of(response)

    async def uploads(self, run_id: str) -> tuple[list[str], str | None]:
        """Return the ids of the files that a run has uploaded, and the other side's time."""
        response = await self._send("GET", FILES, params={"external_file_id": run_id})
        return [file.id for file in read(Listed[File], response).items], _time_of(response)

    async def delete_file(self, file_id: str) -> None:
        """Delete an uploaded file; one that is gone already is all right."""
        await self._send("DELETE", f"{FILES}/{file_id}", fine=(HTTPStatus.NOT_FOUND,))

    async def create(self, path: str, body: Mapping[str, Any], run_id: str) -> str:
        """Create a job and return its id."""
        response = await self._send("POST", path, json=body, headers=_key_of(run_id, "job"))
        return read(Job, response).id

    async def jobs(self, path: str, since: str | None, **filters: str) -> AsyncIterator[Job]:
        """Yield the jobs of a list that fit, newest first.

        Args:
            path: of the product.
            since: the other side's time before which none is looked for.
            filters: further ones that the product's list has.
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
        """Return a job as it is now, with the parts that ``expand`` names."""
        params = {"expand": list(expand)}
        return await self._send("GET", f"{path}/{job_id}", params=params, max_bytes=MAX_RESULT)

    async def cancel(self, path: str, job_id: str) -> None:
        """Cancel a job; one that has ended, or is gone, is all right."""
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
        """Send a request in the project's scope.

        Raises:
            UnavailableError: the other side is away or busy.
            ItemFailure: it refuses, with a status that is not ``fine``.
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
        """Return what the other side wrote without the key, should it have written that."""
        return text.replace(self._key, "[key]") if self._key else text


def media_type(name: str) -> str:
    """Return the media type that a file's name promises."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _key_of(run_id: str, step: str) -> dict[str, str]:
    """Let another Docmill know a repeat when it sees one; LlamaCloud ignores this."""
    return {"Idempotency-Key": f"{run_id}-{step}"}


def _time_of(response: httpx.Response) -> str | None:
    """Return the other side's time, a little earlier: only that clock dates what it makes."""
    try:
        told = parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None
    return (told - _CLOCK_SLACK).isoformat()


def _detail(response: httpx.Response) -> str:
    """Return the sentence in an error, in either of the API's forms."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.text[:_MAX_DETAIL] or "no reason given"
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        where = ".".join(map(str, detail[0].get("loc", ())))
        return f"{where}: {detail[0].get('msg', '')}"
    return str(detail)[:_MAX_DETAIL]
