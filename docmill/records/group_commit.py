"""Group commit: what is asked of one batch at the same moment is done in one transaction.

A transaction costs a commit, an fsync and, on SQLite, the pause before it, however little it does.
Batches are not mixed: a transaction takes its locks in the one order of the ledger.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from docmill.errors import UnavailableError
from docmill.records.database import Session

Request = TypeVar("Request")
Answer = TypeVar("Answer")

MOST_TOGETHER = 64
"""Requests of one transaction: it holds SQLite's only write lock."""


class GroupCommit(Generic[Request, Answer]):
    """Collects requests while a transaction runs, and does them all in the next one."""

    def __init__(
        self,
        transaction: Callable[[], AbstractAsyncContextManager[Session]],
        work: Callable[[Session, Sequence[Request]], Awaitable[Sequence[Answer]]],
        batch_of: Callable[[Request], str],
    ) -> None:
        """Take what to do.

        Args:
            transaction: `Database.read` or `Database.write`.
            work: does requests of one batch in one transaction; gives an answer for each, in
                their order.
            batch_of: which batch a request is about.
        """
        self._transaction = transaction
        self._work = work
        self._batch_of = batch_of
        self._waiting: list[tuple[Request, asyncio.Future[Answer]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def do(self, request: Request) -> Answer:
        """Do one request with those of the same moment; its effect is committed on return.

        A caller that is cancelled does not take back what it asked for: it may still be done.

        Raises:
            Exception: what the work raises for this request by itself.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work_off())
        return await future

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                batch_id = self._batch_of(self._waiting[0][0])
                same = [one for one in self._waiting if self._batch_of(one[0]) == batch_id]
                some = same[:MOST_TOGETHER]
                self._waiting = [one for one in self._waiting if one not in some]
                await self._do(some)
        finally:
            self._worker = None

    async def _do(self, some: Sequence[tuple[Request, "asyncio.Future[Answer]"]]) -> None:
        try:
            async with self._transaction() as session:
                answers = await self._work(session, [request for request, _ in some])
        except Exception as error:  # noqa: BLE001 - it is the caller's
            if len(some) == 1 or isinstance(error, UnavailableError):
                for _, future in some:
                    _set_error(future, error)
            else:  # what is wrong with one request fails no other
                for one in some:
                    await self._do([one])
            return
        for (_, future), answer in zip(some, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _set_error(future: "asyncio.Future[Answer]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
