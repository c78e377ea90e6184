"""Injector's driver and overseer together, with an agent that is there, away, slow, or done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from factories.evaluated_runs import fault_run
from factories.events import make
from factories.fault_runs import node_step
from factories.objects import deployment, pod
from ooda.common.bus.interface import BusUnavailableError
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    ActionApplied,
    AnomalyFlagged,
    DiagnosisStarted,
    Event,
    IncidentClosed,
)
from ooda.common.fault_runs import (
    REPAIRED_AT,
    ChangeStep,
    DeletePodStep,
    Ending,
    FaultRun,
    Phase,
    Restored,
    Step,
    StepRecord,
    Undone,
)
from ooda.common.plans import FieldChange
from ooda.common.taxonomy import Closure
from ooda.common.testing.bus import MemoryBus
from ooda.common.testing.cluster import FakeCluster
from ooda.common.topology import Account
from ooda.injector.core.fingerprint import fingerprint
from ooda.injector.core.images import image_of
from ooda.injector.core.machine import INJECTOR
from ooda.injector.driver import Driver
from ooda.injector.evaluating import Evaluator
from ooda.injector.faults.scene import reference
from ooda.injector.journal import Journal
from ooda.injector.overseer import Overseer
from servers.waiting import until

HERE, OWN = "fault-injection-shop", "ooda-system"
IMAGE = "/spec/template/spec/containers/name=app/image"


class Bench:
    """A run that bites in memory, an agent's mouth, and what the injector does meanwhile."""

    def __init__(self) -> None:
        self.api, self.loop = FakeCluster(), MemoryBus(Account.LOOP)
        self.api.put(Kind.DEPLOYMENT, deployment(namespace=HERE, image="shop:1"))
        self.clock = SystemClock()

    async def begin(self, seconds: float, step: Step | None = None) -> None:
        live = await self.api.get(Kind.DEPLOYMENT, HERE, "checkout")
        workload = reference(Kind.DEPLOYMENT, live)
        step = step or ChangeStep(
            object=workload,
            changes=(FieldChange(path=IMAGE, before="shop:1", after="shop:2"),),
        )
        now = self.clock.now()
        run = fault_run(
            run_id="run-1",
            workload=workload,
            steps=(StepRecord(step=step),),
            phase=Phase.ADMITTED,
            expires_at=None,
            duration_seconds=seconds,
            baseline={"Deployment/checkout": fingerprint(live)},
            images=(image_of(workload, live),),
            times={"requested": now, "admitted": now},
        )
        await Journal(self.api, OWN).begin(run)

    async def say(self, event: type[Event], **given: Any) -> None:
        await self.loop.publish(make(event, occurred_at=self.clock.now(), **given))

    async def run(self) -> FaultRun:
        entry = await Journal(self.api, OWN).find("run-1")
        assert entry is not None
        return entry.run

    async def come_to(self, phase: Phase) -> FaultRun:
        async def there() -> bool:
            return (await self.run()).phase is phase

        await until(there, 15)
        return await self.run()

    async def set(self, path: str, value: Any) -> None:
        operation = {"op": "replace", "path": path, "value": value}
        await self.api.patch(Kind.DEPLOYMENT, HERE, "checkout", [operation])

    async def repair(self) -> None:
        await self.set("/spec/template/spec/containers/0/image", "shop:1")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    evaluator = Evaluator(loop=made.loop, faults=MemoryBus(Account.FAULTS))
    tasks = [
        asyncio.create_task(Driver(made.api, OWN, made.clock, INJECTOR).run()),
        asyncio.create_task(Overseer(made.api, OWN, evaluator, made.clock).run()),
    ]
    yield made
    for each in tasks:
        each.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await each


async def test_repaired_and_closed_it_ends_before_its_time(bench: Bench) -> None:
    await bench.begin(600)
    await bench.come_to(Phase.ACTIVE)
    await bench.say(DiagnosisStarted)
    await bench.say(ActionApplied)
    await bench.repair()
    await until(lambda: _repaired(bench), 5)
    await bench.say(IncidentClosed, closure=Closure.RESOLVED)
    ended = await bench.come_to(Phase.ENDED)
    assert (ended.ending, ended.repaired_by_agent) == (Ending.REPAIRED, True)
    assert ended.steps[0].undone is Undone.REPAIRED


async def _repaired(bench: Bench) -> bool:
    return REPAIRED_AT in (await bench.run()).times


async def test_of_a_pod_that_was_deleted_the_run_ends_when_the_target_is_whole(
    bench: Bench,
) -> None:
    bench.api.put(Kind.POD, pod(namespace=HERE))
    live = await bench.api.get(Kind.POD, HERE, "checkout-1-a")
    await bench.begin(600, DeletePodStep(object=reference(Kind.POD, live)))
    await until(lambda: _repaired(bench), 5)
    await bench.say(DiagnosisStarted)
    await bench.say(IncidentClosed, closure=Closure.CLEARED)
    ended = await bench.come_to(Phase.ENDED)
    assert (ended.ending, ended.repaired_by_agent) == (Ending.REPAIRED, False)


async def test_without_an_agent_it_expires_and_is_held_for_nobody(bench: Bench) -> None:
    await bench.begin(0.3)
    ended = await bench.come_to(Phase.ENDED)
    assert ended.ending is Ending.EXPIRED
    took = ended.times["verifying"] - ended.times["holding"]
    assert took.total_seconds() < 2


async def test_repaired_by_nobody_that_is_heard_it_lasts_its_time(bench: Bench) -> None:
    await bench.begin(1.5)
    await bench.come_to(Phase.ACTIVE)
    await bench.repair()
    ended = await bench.come_to(Phase.ENDED)
    assert (ended.ending, ended.repaired, ended.repaired_by_agent) == (Ending.EXPIRED, True, False)


async def test_what_ended_on_its_node_since_others_repaired_it_is_repaired(bench: Bench) -> None:
    """And one that is gone with its pod says nothing about the others."""
    await bench.begin(600, node_step())
    entry = await Journal(bench.api, OWN).find("run-1")
    assert entry is not None
    now = bench.clock.now()
    of_pods = tuple(
        StepRecord(step=node_step(pod), done=True, armed_at=now, ended_at=now, undone=undone)
        for pod, undone in (("cart-1", Undone.REPAIRED), ("cart-2", Undone.GONE))
    )
    told = entry.run.model_copy(update={"steps": of_pods})
    await Journal(bench.api, OWN).write(entry, told)
    await until(lambda: _repaired(bench), 5)


async def test_held_until_the_agent_is_done_then_what_it_changed_is_set_back(
    bench: Bench,
) -> None:
    await bench.begin(0.3)
    await bench.come_to(Phase.ACTIVE)
    await bench.say(DiagnosisStarted)
    holding = await bench.come_to(Phase.HOLDING)
    assert holding.held_until is not None
    await until(lambda: _held_longer(bench, holding), 8)
    await bench.set("/spec/replicas", 3)  # its action, late
    await bench.say(IncidentClosed, closure=Closure.RESOLVED)
    ended = await bench.come_to(Phase.ENDED)
    assert [each.found for each in ended.images] == [Restored.SET_BACK]
    live = await bench.api.get(Kind.DEPLOYMENT, HERE, "checkout")
    assert live["spec"].get("replicas", 1) != 3


async def _held_longer(bench: Bench, before: FaultRun) -> bool:
    now = await bench.run()
    assert now.phase is Phase.HOLDING
    assert now.held_until is not None
    assert before.held_until is not None
    return now.held_until > before.held_until


async def test_a_bus_that_is_away_holds_nothing(bench: Bench) -> None:
    await bench.begin(0.3)
    await bench.come_to(Phase.ACTIVE)
    await bench.say(AnomalyFlagged)
    await bench.say(DiagnosisStarted)
    bench.loop.failure = BusUnavailableError("away")
    ended = await bench.come_to(Phase.ENDED)
    took = ended.times["verifying"] - ended.times["holding"]
    assert took.total_seconds() < 2
