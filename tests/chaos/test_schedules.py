"""Signals, updates, failures and new runs at every point of a batch, compared with a model.

Hypothesis generates the schedules and prints the one that fails. The workflow, its server and its
worker are real; its activities are scripted (`tests.chaos.scripted`). The server is the
regular one: the time-skipping server delivers some activity tasks late, and no test here waits.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowUpdateStage
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from docmill.contracts import names
from docmill.contracts.batches import (
    BatchInput,
    BatchProgress,
    BatchResult,
    CancelRequest,
    ConcurrencyChange,
)
from docmill.contracts.words import BatchStatus, Outcome
from docmill.temporal.payloads import PLAIN
from tests.chaos.scripted import Fate, Script, World
from tests.chaos.seeds import replay, seeds
from tests.fixtures.temporal import BINARIES
from worker import HEARTBEAT_THROTTLE
from workflows.batch import BatchWorkflow

Answer = TypeVar("Answer")
SECONDS = 60
"""For one step, on a loaded machine."""
EXAMPLES_A_SEED = 5
MOST_CHANGES = 9
"""Temporal refuses the eleventh update while ten wait, and the schedule may hold them all."""
LOOKS = 20
"""At what is under way, before a retry that is yet to come is taken for what holds it up."""


class Stage:
    """A server and a worker in a loop of their own: state machines are not asynchronous."""

    def __init__(self) -> None:
        self.script = Script()
        self.environment: WorkflowEnvironment
        self.queue = f"schedules-{uuid4().hex}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()

    def __enter__(self) -> "Stage":
        self._thread.start()
        self.call(self._open())
        return self

    def __exit__(self, *exc: object) -> None:
        self.call(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run ``work`` in the stage's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    async def _open(self) -> None:
        self.environment = await self._stack.enter_async_context(
            await WorkflowEnvironment.start_local(
                data_converter=PLAIN,
                dev_server_existing_path=str(BINARIES / "temporal"),
            )
        )
        script = self.script
        worker = Worker(
            self.environment.client,
            task_queue=self.queue,
            workflows=[BatchWorkflow],
            activities=[
                script.open_batch,
                script.admit_batch,
                script.next_page,
                script.process_item,
                script.record_state,
                script.record_lost_item,
                script.close_batch,
            ],
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE / 20,
            default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE / 20,
        )
        await self._stack.enter_async_context(worker)


class Schedule(RuleBasedStateMachine):
    """One batch, and what its user, its workers and its database do meanwhile."""

    stage: Stage

    @initialize(
        total=st.integers(0, 9),
        page_size=st.integers(1, 4),
        threshold=st.integers(1, 5),
        concurrency=st.integers(1, 4),
        limits=st.tuples(st.none() | st.integers(0, 3), st.booleans()),
        done=st.just(frozenset()) | st.frozensets(st.integers(1, 9), max_size=4),
    )
    def begin(
        self,
        *,
        total: int,
        page_size: int,
        threshold: int,
        concurrency: int,
        limits: tuple[int | None, bool],
        done: frozenset[int],
    ) -> None:
        self.id = f"bat-{uuid4().hex}"
        # what an earlier execution completed: this one must leave it alone
        self.world = World(self.id, total, page_size, threshold, concurrency, *limits, done)
        self.drained: set[int] = set()
        self.stage.script.worlds[self.id] = self.world
        self.paused, self.cancelled, self.concurrency = False, False, concurrency
        self.bound = concurrency
        self.changes = 0
        self.in_flight = 0
        self.handle: WorkflowHandle[Any, BatchResult] = self.stage.call(
            self.stage.environment.client.start_workflow(
                names.BATCH_WORKFLOW,
                BatchInput(batch_id=self.id),
                id=self.id,
                task_queue=self.stage.queue,
                result_type=BatchResult,
            )
        )

    # -- what happens ------------------------------------------------------------------------

    @rule()
    def pause(self) -> None:
        if self._signal(names.PAUSE_SIGNAL):
            self.paused, self.in_flight = True, self.stage.call(self._ask()).in_flight

    @rule()
    def resume(self) -> None:
        if self._signal(names.RESUME_SIGNAL):
            self.paused = False

    @precondition(lambda self: self.changes < MOST_CHANGES)
    @rule(concurrency=st.integers(1, 5))
    def change_concurrency(self, concurrency: int) -> None:
        change = ConcurrencyChange(concurrency=concurrency)
        self.stage.call(self._update(change))
        self.bound = max(self.bound, concurrency)  # until the next look, either may have held
        self.changes += 1

    @precondition(lambda self: not self.cancelled)
    @rule(chance=st.integers(0, 4), drain=st.booleans())
    def cancel(self, chance: int, drain: bool) -> None:
        under_way = set(self.world.waiting)
        request = CancelRequest(reason="enough", drain=drain)
        if chance == 0 and self._signal(names.CANCEL_SIGNAL, request):
            self.cancelled = True
            self.drained = under_way if drain else set()

    @rule(stumbles=st.sampled_from([False, False, False, True]))
    def the_database_answers(self, stumbles: bool) -> None:
        self.stage.call(self._end_call(well=not stumbles))

    @rule(calls=st.integers(1, 4))
    def the_database_is_quick(self, calls: int) -> None:
        for _ in range(calls):
            self.stage.call(self._end_call(well=True))

    @rule(fate=st.sampled_from(list(Fate)), place=st.integers(0, 4))
    def an_attempt_ends(self, fate: Fate, place: int) -> None:
        self.stage.call(self._end_attempt(fate, place))

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def the_counts_are_those_of_the_ledger(self) -> None:
        if self.world.closed is not None:
            return
        now = self.stage.call(self._quiet())
        accounted = now.processed + now.failed + now.skipped + now.cancelled
        assert accounted <= self.world.total
        assert now.processed <= self.world.tally.completed
        if self.paused or now.state == "cancelling":
            assert now.in_flight <= self.in_flight, "a paused batch starts nothing"
        if now.in_flight > self.in_flight:
            assert now.in_flight <= self.bound, "no more in flight than was asked for"
        self.in_flight, self.bound = now.in_flight, self.concurrency

    def teardown(self) -> None:
        if not hasattr(self, "handle"):
            return
        self.stage.call(self._let_go())
        if self.paused:
            self._signal(names.RESUME_SIGNAL)
        world = self.world
        self.stage.call(self._ended())
        assert set(world.outcomes) == set(range(1, world.total + 1)), "an outcome for every file"
        assert all(count == 1 for count in world.runs.values() if count), "nothing is done twice"
        if not self.cancelled:
            most = world.total if world.max_failures is None else world.max_failures
            stopped = world.tally.failed > most
            assert world.closed is (BatchStatus.FAILED if stopped else BatchStatus.COMPLETED)
            assert stopped or Outcome.CANCELLED not in world.outcomes.values()
        ends = {world.outcomes[position] for position in self.drained}
        assert Outcome.CANCELLED not in ends, "what was in flight ends by itself"
        assert not world.waiting

    # -- steps -------------------------------------------------------------------------------

    def _signal(self, name: str, *args: object) -> bool:
        return self.stage.call(self._send(name, *args))

    async def _send(self, name: str, *args: object) -> bool:
        if self.world.closed is not None:
            return False
        await self.handle.signal(name, args=args)
        return True

    async def _update(self, change: ConcurrencyChange) -> None:
        if self.world.closed is None:
            await self.handle.start_update(
                names.SET_CONCURRENCY_UPDATE,
                change,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
            )
            self.concurrency = change.concurrency

    async def _ended(self) -> None:
        """Wait for the end; the result says what the ledger says."""
        try:
            result = await self.handle.result()
        except WorkflowFailureError:
            assert self.world.closed is BatchStatus.FAILED
        else:
            assert result.tally == self.world.tally
            assert result.status is self.world.closed

    async def _quiet(self) -> BatchProgress:
        """Wait until what was scheduled has begun, or is held up, and return the state then."""
        for _ in range(LOOKS):
            now = await self._ask()
            calls = len(self.world.books), len(self.world.waiting)
            await asyncio.sleep(0.01)
            if calls == (len(self.world.books), now.in_flight):
                break
        return now

    async def _end_call(self, *, well: bool) -> None:
        for call in self.world.books:
            if not call.done():
                call.set_result(well)
                return

    async def _end_attempt(self, fate: Fate, place: int) -> None:
        under_way = sorted(self.world.waiting)
        if under_way:
            position = under_way[place % len(under_way)]
            attempt = self.world.waiting[position]
            if not attempt.done():
                attempt.set_result(fate)
                if fate is Fate.RETRIED:
                    self.drained.discard(position)  # its next attempt begins no more

    async def _let_go(self) -> None:
        self.world.release()

    async def _ask(self) -> BatchProgress:
        now: BatchProgress = await self.handle.query(
            names.PROGRESS_QUERY, result_type=BatchProgress
        )
        return now


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.mark.timeout(6 * 3600)
def test_items_are_processed_exactly_once_under_any_schedule_of_signals_and_failures(
    stage: Stage,
) -> None:
    class Here(Schedule):
        """The machine, on this stage."""

    Here.stage = stage
    for number in seeds(2, 200):
        try:
            run_state_machine_as_test(
                seed(number)(Here),
                settings=settings(
                    max_examples=EXAMPLES_A_SEED,
                    stateful_step_count=30,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],  # on a real server shortening takes for ever
                    suppress_health_check=list(HealthCheck),
                ),
            )
        except BaseException:
            print(replay("schedule", number))
            raise
