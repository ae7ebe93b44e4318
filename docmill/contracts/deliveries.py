"""Payloads of the delivery workflow: ids of endpoints, no URL, header, secret or event."""

from datetime import datetime

from docmill.contracts.words import Payload


class DeliveryInput(Payload):
    """The one argument of the delivery workflow of one endpoint.

    Attributes:
        endpoint_id: a stored endpoint, or the id derived from an inline endpoint's URL.
        failing: consecutive failed rounds; carried by continue-as-new.
    """

    endpoint_id: str
    failing: int = 0


class RoundRequest(Payload):
    """Argument of ``deliver_due``.

    Attributes:
        at: the workflow's time. All due times come from one clock, that of the Temporal server.
        failing: as in `DeliveryInput`; after a success all waiting events are due at once.
    """

    endpoint_id: str
    at: datetime
    failing: int = 0


class RoundReport(Payload):
    """Answer of ``deliver_due``.

    Attributes:
        delivered: successful attempts.
        failed: failed attempts.
        rest_seconds: pause of an endpoint that fails; None if it accepts events.
        next_at: when the endpoint's next event is due; None if it has none.
    """

    delivered: int = 0
    failed: int = 0
    rest_seconds: float | None = None
    next_at: datetime | None = None


class WakeUp(Payload):
    """Argument of the signal ``wake``: there are new events.

    Attributes:
        urgent: a user waits for one of them; it ends the endpoint's pause.
    """

    urgent: bool = False


class DeliveryResult(Payload):
    """Result of one run of the delivery workflow; the delivery log has every attempt."""

    delivered: int = 0
    failed: int = 0


def delivery_workflow_id(endpoint_id: str) -> str:
    """Return the id of the one workflow that delivers to an endpoint."""
    return f"webhooks-{endpoint_id}"
