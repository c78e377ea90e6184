"""fault-agent beside a journal: what it makes, ends and writes, with the hands of a test."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from factories.fault_runs import NODE, fault_run, node_step
from fakes.hands import HoldingHands, ended
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Ending, FaultRun, Phase, StepRecord, Undone
from ooda.common.node_means import Proof
from ooda.common.testing.cluster import FakeCluster
from ooda.injector.journal import Journal
from ooda.injector.node import work
from ooda.injector.node.agent import FaultAgent
from ooda.injector.node.orders import Refusal
from ooda.injector.node.refusing import RefusedError, WorkerLostError
from servers.waiting import until

OWN = "ooda-system"


@dataclass
class Stage:
    api: FakeCluster
    hands: HoldingHands

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[None]:
        """Run fault-agent for as long as the block lasts; then it is killed."""
        agent = FaultAgent(self.api, OWN, NODE, self.hands, SystemClock())
        task = asyncio.create_task(agent.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def begin(self, *steps: StepRecord, **given: Any) -> FaultRun:
        now = SystemClock().now()
        fields: dict[str, Any] = {
            "expires_at": now + dt.timedelta(seconds=60),
            "times": {"admitted": now, "armed": now},
        }
        run = fault_run(*steps, **fields | given)
        return (await Journal(self.api, OWN).begin(run)).run

    async def found(self) -> FaultRun:
        entry = await Journal(self.api, OWN).find("run-1")
        assert entry is not None
        return entry.run

    async def step(self, index: int = 0) -> StepRecord:
        return (await self.found()).steps[index]

    async def enter(self, phase: Phase) -> None:
        """Move the run on, as its driver does."""
        journal = Journal(self.api, OWN)
        entry = await journal.find("run-1")
        assert entry is not None
        moved = entry.run.enter(phase, SystemClock().now(), ending=Ending.EXPIRED)
        await journal.write(entry, moved)

    async def until_done(self) -> None:
        async def done() -> bool:
            return (await self.step()).done

        await until(done)

    async def until_undone(self) -> StepRecord:
        async def undone() -> bool:
            return (await self.step()).undone is not None

        await until(undone)
        return await self.step()


@pytest.fixture
def stage() -> Stage:
    return Stage(FakeCluster(), HoldingHands())


async def test_what_is_armed_is_made_and_ended_with_the_run(stage: Stage) -> None:
    async with stage.agent():
        run = await stage.begin()
        await stage.until_done()
        assert (await stage.step()).armed_at is not None
        (held,) = stage.hands.held
        assert (held.order_id, held.until) == ("run-1/0", run.expires_at)
        await stage.enter(Phase.REVERTING)
        step = await stage.until_undone()
    assert (step.undone, step.problem, step.realised) == (Undone.REVERTED, "", {"packets": 7.0})
    assert step.ended_at is not None


async def test_when_it_was_seen_to_bite_and_to_be_well_is_written_down(stage: Stage) -> None:
    async def bitten() -> bool:
        return (await stage.step()).bites_at is not None

    async with stage.agent():
        await stage.begin()
        await stage.until_done()
        (held,) = stage.hands.held
        since, well = SystemClock().now(), SystemClock().now() + dt.timedelta(seconds=9)
        held.bites(since, Proof.LOOKUPS)
        await until(bitten)
        assert (await stage.step()).proof is Proof.LOOKUPS
        over = ended(Undone.REVERTED)
        held.end.set_result(dataclasses.replace(over, proof=Proof.LOOKUPS, well_at=well))
        step = await stage.until_undone()
    assert (step.bites_at, step.proof, step.well_at) == (since, Proof.LOOKUPS, well)


async def test_what_was_seen_last_is_not_lost(stage: Stage) -> None:
    async with stage.agent():
        await stage.begin()
        await stage.until_done()
        (held,) = stage.hands.held
        since = SystemClock().now()
        held.bites(since, Proof.LOOKUPS)
        held.bites(since + dt.timedelta(seconds=1), Proof.LOOKUPS)  # of a process that came after
        held.end.set_result(ended(Undone.REVERTED))
        step = await stage.until_undone()
    assert step.bites_at == since


async def test_what_is_only_written_down_is_not_made(stage: Stage) -> None:
    async with stage.agent():
        await stage.begin(phase=Phase.ADMITTED, expires_at=None)
        await stage.enter(Phase.REVERTING)
        assert (await stage.until_undone()).undone is Undone.GONE
    assert stage.hands.held == []


async def test_an_abort_ends_it_at_once(stage: Stage) -> None:
    async with stage.agent():
        await stage.begin()
        await stage.until_done()
        abort = {"by": "alice", "at": "2026-01-01T00:00:00Z"}
        operation = {"op": "add", "path": "/abort", "value": abort}
        await stage.api.patch(Kind.FAULT_RUN, OWN, "run-1", [operation])
        assert (await stage.until_undone()).undone is Undone.REVERTED


async def test_a_run_that_is_deleted_is_ended(stage: Stage) -> None:
    async with stage.agent():
        await stage.begin()
        await until(lambda: bool(stage.hands.held))
        live = await stage.api.get(Kind.FAULT_RUN, OWN, "run-1")
        await stage.api.delete(Kind.FAULT_RUN, OWN, "run-1", uid=live["metadata"]["uid"])
        await until(lambda: stage.hands.ended == ["run-1/0"])


async def test_its_pod_gone_the_step_is_gone_while_the_run_goes_on(stage: Stage) -> None:
    async with stage.agent():
        await stage.begin()
        await stage.until_done()
        stage.hands.held[0].end.set_result(ended(Undone.GONE))
        step = await stage.until_undone()
        assert (step.undone, step.done, step.problem) == (Undone.GONE, True, "")
        assert (await stage.found()).phase is Phase.ARMED
        await stage.enter(Phase.ACTIVE)
    assert len(stage.hands.held) == 1


async def test_started_again_it_makes_it_for_the_time_that_is_left(stage: Stage) -> None:
    async with stage.agent():
        run = await stage.begin()
        await stage.until_done()
        since = (await stage.step()).armed_at
    assert (await stage.step()).undone is None
    async with stage.agent():
        await until(lambda: len(stage.hands.held) == 2)
        assert stage.hands.held[1].until == run.expires_at
        assert stage.hands.again == [False, True]
        await stage.enter(Phase.REVERTING)
        step = await stage.until_undone()
    assert step.undone is Undone.REVERTED
    assert since is not None


async def test_started_again_once_it_is_over_it_says_that_nothing_is_there(stage: Stage) -> None:
    await stage.begin(StepRecord(step=node_step(), done=True), phase=Phase.ACTIVE)
    await stage.enter(Phase.REVERTING)
    async with stage.agent():
        step = await stage.until_undone()
    assert (step.undone, stage.hands.held) == (Undone.GONE, [])
    assert stage.hands.taken_back == [node_step()]


async def test_what_was_there_may_be_gone_with_its_place(stage: Stage) -> None:
    stage.hands.refuses = [RefusedError(Refusal.NO_PROCESS, "there is no such container")]
    await stage.begin(StepRecord(step=node_step(), done=True), phase=Phase.ACTIVE)
    await stage.enter(Phase.REVERTING)
    async with stage.agent():
        assert (await stage.until_undone()).undone is Undone.GONE


async def test_a_fault_whose_process_is_lost_is_made_again(stage: Stage) -> None:
    async with stage.agent():
        await stage.begin()
        await stage.until_done()
        stage.hands.held[0].end.set_exception(WorkerLostError("it was killed"))
        await until(lambda: len(stage.hands.held) == 2)
        assert stage.hands.again == [False, True]
        await stage.enter(Phase.REVERTING)
        assert (await stage.until_undone()).undone is Undone.REVERTED


async def test_lost_again_and_again_it_is_given_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "AGAIN", 0.0)
    stage.hands.refuses = [WorkerLostError("it was killed") for _ in range(work.TRIES)]
    async with stage.agent():
        await stage.begin()
        step = await stage.until_undone()
    assert (step.done, step.undone) == (False, Undone.NOTHING)
    assert step.problem == "it was killed."


async def test_a_place_that_is_not_free_yet_is_tried_again(stage: Stage) -> None:
    stage.hands.refuses = [RefusedError(Refusal.BUSY, "another fault is there")]
    async with stage.agent():
        await stage.begin()
        await stage.until_done()
        assert (await stage.step()).problem == ""


@pytest.mark.parametrize(
    ("code", "done", "undone", "problem"),
    [
        (Refusal.HOST_NETWORK, False, Undone.NOTHING, "no."),
        (Refusal.KERNEL, False, Undone.NOTHING, "no."),
        (Refusal.SANDBOX_GONE, False, Undone.NOTHING, "no."),
        (Refusal.SANDBOX_GONE, True, Undone.GONE, ""),
        (Refusal.EXPIRED, True, Undone.GONE, ""),
        (Refusal.KERNEL, True, Undone.GONE, "no."),
    ],
)
async def test_what_is_refused_is_written_down(
    stage: Stage, code: Refusal, undone: Undone, problem: str, *, done: bool
) -> None:
    stage.hands.refuses = [RefusedError(code, "no")]
    async with stage.agent():
        await stage.begin(StepRecord(step=node_step(), done=done))
        step = await stage.until_undone()
    assert (step.done, step.undone, step.problem) == (done, undone, problem)


async def test_what_goes_wrong_unexpectedly_is_a_problem_of_that_step_alone(stage: Stage) -> None:
    stage.hands.refuses = [ValueError("a bug")]
    async with stage.agent():
        await stage.begin(StepRecord(step=node_step()), StepRecord(step=node_step("cart-2")))
        step = await stage.until_undone()
        await until(lambda: len(stage.hands.held) == 1)
    assert step.problem == "It cannot be carried out: ValueError('a bug')."


async def test_others_write_at_the_same_time(stage: Stage) -> None:
    steps = [StepRecord(step=node_step(f"cart-{number}")) for number in range(6)]

    async def all_done() -> bool:
        return all(each.done for each in (await stage.found()).steps)

    async def all_undone() -> bool:
        return all(each.undone for each in (await stage.found()).steps)

    async with stage.agent():
        await stage.begin(*steps)
        await until(all_done)
        await stage.enter(Phase.REVERTING)
        await until(all_undone)


async def test_what_cannot_be_written_now_is_written_later(stage: Stage) -> None:
    async with stage.agent():
        await stage.begin()
        await until(lambda: bool(stage.hands.held))
        stage.api.set_unavailable(True)
        stage.hands.held[0].end.set_result(ended(Undone.REVERTED))
        await asyncio.sleep(0)
        stage.api.set_unavailable(False)
        step = await stage.until_undone()
    assert (step.done, step.undone) == (True, Undone.REVERTED)


async def test_what_is_no_run_of_ours_does_not_stop_it(stage: Stage) -> None:
    nonsense = {"metadata": {"name": "a", "namespace": OWN}, "spec": {"x": 1}}
    stage.api.put(Kind.FAULT_RUN, nonsense)
    async with stage.agent():
        await stage.begin()
        await stage.until_done()
