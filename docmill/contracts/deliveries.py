"""Webhook deliveries across Temporal: endpoints by id; no URL, no header, no secret, no payload."""

from datetime import datetime

from docmill.contracts.words import Payload


class DeliveryInput(Payload):
    """The one argument of the workflow of one endpoint.

    Attributes:
        endpoint_id: a stored endpoint, or the id derived from an inline endpoint's URL.
        failing: rounds in a row at which the endpoint failed; carried by continue-as-new.
    """

    endpoint_id: str
    failing: int = 0


class RoundRequest(Payload):
    """Argument of ``deliver_due``.

    Attributes:
        at: the workflow's time: what is due and when something is due again are told by one
            clock, the Temporal server's.
        failing: as in `DeliveryInput`; a success after it hastens all that waits.
    """

    endpoint_id: str
    at: datetime
    failing: int = 0


class RoundReport(Payload):
    """Answer of ``deliver_due``.

    Attributes:
        delivered: events that arrived.
        failed: attempts that did not.
        rest_seconds: nothing arrives there, so it is left alone for so long; None: it answers.
        next_at: when the endpoint's next event is due; None when it has none.
    """

    delivered: int = 0
    failed: int = 0
    rest_seconds: float | None = None
    next_at: datetime | None = None


class WakeUp(Payload):
    """Argument of the signal that there are new events.

    Attributes:
        urgent: somebody waits for one of them; the endpoint's rest is over.
    """

    urgent: bool = False


class DeliveryResult(Payload):
    """What one run of an endpoint's workflow has done; the delivery log has every attempt."""

    delivered: int = 0
    failed: int = 0
