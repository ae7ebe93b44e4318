"""Webhook deliveries: one round at one endpoint."""

from temporalio import activity

from activities.errors import translated
from activities.heartbeats import heartbeating
from docmill.contracts.deliveries import RoundReport, RoundRequest
from docmill.contracts.names import DELIVER_DUE
from docmill.webhooks.rounds import Rounds


class Delivering:
    """Sends what is due; twice what a killed worker had sent and could not write down."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds

    @activity.defn(name=DELIVER_DUE)
    @translated
    async def deliver_due(self, request: RoundRequest) -> RoundReport:
        """Try the endpoint's due events until none is, time is up, or the endpoint fails."""
        async with heartbeating():
            return await self._rounds.deliver(request, activity.info().namespace)
