"""Where a run of the batch workflow is, and what people read of it."""

from enum import StrEnum

from docmill.contracts.batches import BatchState


class Phase(StrEnum):
    """Where a run of the workflow is; the last three are the ends of a batch."""

    OPENING = "opening"
    THROTTLED = "throttled"
    RUNNING = "running"
    LEAVING = "leaving"
    """Full: what is in flight ends, then the next run goes on."""
    CLOSING = "closing"
    SWEEPING = "sweeping"
    """The close found items without an outcome, and runs them once more."""
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    def shown(self, state: BatchState) -> str:
        """Return the state of the batch in the words of `BatchProgress`."""
        match self:
            case Phase.OPENING | Phase.COMPLETED | Phase.FAILED | Phase.CANCELLED:
                return self.value
            case _ if state.cancelling:
                return "cancelling"
            case _ if state.stop_reason is not None:
                return "stopping"
            case Phase.THROTTLED | Phase.CLOSING:
                return self.value
            case _:
                return "paused" if state.paused else "running"
