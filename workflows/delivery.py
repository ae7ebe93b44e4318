"""DeliveryWorkflow: delivers the events of one webhook endpoint."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    # batch.py/batch.py
    from activities.deliveries import DeliveryActivities
    from docmill.contracts.deliveries import (
        DeliveryInput,
        DeliveryResult,
        RoundReport,
        RoundRequest,
        WakeUp,
    )
    from docmill.contracts.names import DELIVERY_WORKFLOW, WAKE_DELIVERY
    from workflows import history, policies


@workflow.defn(name=DELIVERY_WORKFLOW)
class DeliveryWorkflow:
    """Runs rounds for one endpoint until its outbox is empty, independently of others."""

    @workflow.init
    def __init__(self, delivery: DeliveryInput) -> None:
        self._endpoint_id = delivery.endpoint_id
        self._failing = delivery.failing
        self._woken = self._urgent = False
        self._delivered = self._failed = 0

    @workflow.run
    async def run(self, delivery: DeliveryInput) -> DeliveryResult:
        """Deliver due events, and wait for those that are due later."""
        while True:
            self._woken = self._urgent = False
            report = await self._round()
            self._count(report)
            if report.next_at is None and not self._woken:
                return DeliveryResult(delivered=self._delivered, failed=self._failed)
            if history.is_full(0):
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(
                    DeliveryInput(endpoint_id=self._endpoint_id, failing=self._failing)
                )
            if report.next_at is not None:
                await self._wait(report, report.next_at)

    @workflow.signal(name=WAKE_DELIVERY)
    def wake(self, call: WakeUp) -> None:
        """Signal new events. An urgent one ends the rest period of a failing endpoint."""
        self._woken = True
        self._urgent = self._urgent or call.urgent

    async def _round(self) -> RoundReport:
        return await workflow.execute_activity_method(
            DeliveryActivities.deliver_due,
            RoundRequest(endpoint_id=self._endpoint_id, at=workflow.now(), failing=self._failing),
            **policies.DELIVER,
        )

    def _count(self, report: RoundReport) -> None:
        self._delivered += report.delivered
        self._failed += report.failed
        if report.delivered:
            self._failing = 0
        if report.rest_seconds is not None:
            self._failing += 1

    async def _wait(self, report: RoundReport, next_at: datetime) -> None:
        """Wait for the next event. A failing endpoint rests, even if events become due."""
        resting = report.rest_seconds is not None
        pause = next_at - workflow.now()
        if report.rest_seconds is not None:
            pause = timedelta(seconds=report.rest_seconds)
        if pause <= timedelta(0):
            return
        until = workflow.now() + pause
        workflow.set_current_details(
            f"{self._delivered:,} delivered; {'resting' if resting else 'waiting'} until "
            f"{until:%Y-%m-%d %H:%M:%S} UTC"
        )
        try:
            await workflow.wait_condition(
                lambda: self._urgent or (self._woken and not resting), timeout=pause
            )
        except TimeoutError:
            return
