"""Activity for webhook deliveries: one round for one endpoint."""

from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.contracts.deliveries import RoundReport, RoundRequest
from docmill.contracts.names import DELIVER_DUE
from docmill.webhooks.rounds import Rounds


class DeliveryActivities:
    """Delivers due events. After a crash, unrecorded deliveries are repeated."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    @activity.defn(name=DELIVER_DUE)
    @translated
    async def deliver_due(self, request: RoundRequest) -> RoundReport:
        """Deliver due events until none is left, time is up, or the endpoint fails."""
        async with heartbeating():
            return await self._rounds.deliver(request, activity.info().namespace)
