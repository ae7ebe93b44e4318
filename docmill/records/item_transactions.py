"""Reads, claims and settlements of single items: those of the same moment share a transaction."""

from collections.abc import Sequence

from docmill.contracts.items import ItemTask
from docmill.records.database import Database, Session
from docmill.records.group_commit import GroupCommit
from docmill.records.items import ClaimedItem, PeekedItem, ReadBytes, Settled, Settlement
from docmill.records.ledger import Claim, Ledger

_Claiming = tuple[ItemTask, ReadBytes | None]
_Settling = tuple[ClaimedItem, Settlement]


class ItemTransactions:
    """What single items need of the ledger on their normal path."""

    def __init__(self, database: Database, worker: str) -> None:
        """Take the records, and the identity of this process in claims."""
        self._worker = worker
        self._reads = GroupCommit(database.read, _peek, lambda task: task.batch_id)
        self._claims = GroupCommit(database.write, self._claim, lambda one: one[0].batch_id)
        self._settlements = GroupCommit(database.write, _settle, lambda one: one[0].batch_id)

    async def peek(self, task: ItemTask) -> PeekedItem | None:
        """See `Ledger.peek`."""
        return await self._reads.do(task)

    async def claim(self, task: ItemTask, read: ReadBytes | None) -> Claim:
        """See `Ledger.claim`."""
        return await self._claims.do((task, read))

    async def settle(self, item: ClaimedItem, settlement: Settlement) -> Settled:
        """See `Ledger.settle`; the answer is of all items of the transaction."""
        return await self._settlements.do((item, settlement))

    async def _claim(self, session: Session, wanted: Sequence[_Claiming]) -> Sequence[Claim]:
        claims = await Ledger(session).claim(wanted, self._worker)
        return [claims[task.position] for task, _ in wanted]


async def _peek(session: Session, tasks: Sequence[ItemTask]) -> Sequence[PeekedItem | None]:
    peeked = await Ledger(session).peek(tasks)
    return [peeked.get(task.position) for task in tasks]


async def _settle(session: Session, settling: Sequence[_Settling]) -> Sequence[Settled]:
    settled = await Ledger(session).settle(settling)
    return [settled] * len(settling)
