"""Faults on a node, whoever is killed at whatever step of the journal: no orphans.

The API server, its controllers and the kernel are real. The target's pods are on paper, and their
sandboxes are network namespaces of this machine.
"""

import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from factories.long_tables import sampled
from fakes.mortal import Mortal
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Ending, FaultRun, Phase, Undone
from ooda.injector.core.machine import INJECTOR, NODE_ANSWER, Role
from ooda.injector.node.hands import NodeHands
from ooda.injector.node.workers import Workers
from ooda.injector.ports import Cluster
from servers.breakable import TARGET, Breakable
from servers.datagrams import train
from servers.driving import driving
from servers.fault_workers import fault_workers
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.sandboxes import PaperSandboxes, Place, Yard
from servers.standing_fault import node_of
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

AT_ONCE = Role(begins=False, grace=0.1)
TTL = 1.5
AGENT_WRITES = ("in force", "in force", "over", "over")
"""What fault-agent writes for the two pods of a run."""
DRIVER_WRITES = (
    "create Lease",
    "replace FaultRun",  # armed
    "replace FaultRun",  # active
    "replace FaultRun",  # reverting
    "replace FaultRun",  # holding
    "replace FaultRun",  # the target is as before
    "replace FaultRun",  # verifying
    "replace FaultRun",  # releasing
    "delete Lease",
    "replace FaultRun",  # ended
)
"""What an injector writes for a run that is made on nodes only."""

AGENT_ROWS = sampled(
    [(at, after) for at in range(len(AGENT_WRITES)) for after in (False, True)],
    # Each kind of write once: it was made, and whoever made it did not live to know.
    always=lambda row: row[1] and row[0] in (0, 2),
    name=lambda row: f"{row[0]} {AGENT_WRITES[row[0]]}-{'after' if row[1] else 'before'}",
)
DRIVER_ROWS = sampled(
    [(at, write, after) for at, write in enumerate(DRIVER_WRITES) for after in (False, True)],
    always=lambda row: row[2] and row[0] == DRIVER_WRITES.index(row[1]),
    name=lambda row: f"{row[0]} {row[1]}-{'after' if row[2] else 'before'}",
)


@dataclass
class Stage:
    """The target with two pods, in a yard."""

    breakable: Breakable
    yard: Yard
    hands: NodeHands

    @property
    def places(self) -> tuple[Place, Place]:
        return self.yard.target, self.yard.peer

    @asynccontextmanager
    async def agent(self, api: Cluster | None = None) -> AsyncIterator[None]:
        breakable = self.breakable
        async with on_node(api or breakable.api, breakable.own, NODE, self.hands):
            yield

    def cut(self) -> list[bool]:
        """Say of each pod whether nothing reaches it."""
        return [not self._reached(place) for place in self.places]

    def _reached(self, place: Place) -> bool:
        with train(self.yard.bystander, place) as datagrams:
            return datagrams.passes()

    async def clean(self) -> bool:
        """Say whether everything reaches every pod, and nobody holds anything there."""
        queues = [place.queues() for place in self.places]
        return queues == ["", ""] and self.cut() == [False, False]

    async def asked(self, seconds: float) -> FaultRun:
        await until(self.breakable.healthy, 30)
        return await self.breakable.admitted("network-cut", duration_seconds=seconds)

    async def reached(self, run: FaultRun, phase: Phase, seconds: float = 30) -> FaultRun:
        async def there() -> bool:
            return (await self.breakable.found(run.run_id)).phase is phase

        await until(there, seconds)
        return await self.breakable.found(run.run_id)

    async def seen(self, run: FaultRun) -> None:
        """Wait until it was seen to bite."""

        async def bites() -> bool:
            return not (await self.breakable.found(run.run_id)).unproven

        await until(bites, 30)

    async def abort(self, run: FaultRun) -> None:
        breakable = self.breakable
        now = SystemClock().now()
        await abort_run(breakable.api, run.run_id, "alice", now, namespace=breakable.own)

    async def gone(self, within: float) -> float:
        """Return after how many seconds nothing was left."""
        begun = time.monotonic()
        await until(self.clean, within)
        return time.monotonic() - begun


@pytest_asyncio.fixture(loop_scope="module")
async def stage(kept: Breakable, yard: Yard) -> AsyncIterator[Stage]:
    await until(kept.healthy, 30)
    before = await kept.contents()
    yield await staged(kept, yard)
    assert await kept.contents() == before
    assert await kept.leases() == []
    assert [yard.target.queues(), yard.peer.queues()] == ["", ""]


async def staged(breakable: Breakable, yard: Yard) -> Stage:
    pods = await breakable.api.list(Kind.POD, breakable.namespace, labels={"app": TARGET})
    uids = sorted(each["metadata"]["uid"] for each in pods)
    places = dict(zip(uids, (yard.target, yard.peer), strict=True))
    return Stage(breakable, yard, NodeHands(PaperSandboxes(places), Workers(node_of(yard))))


async def test_there_and_back(stage: Stage) -> None:
    async with stage.agent(), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await stage.asked(60)
        await stage.reached(run, Phase.ACTIVE)
        assert stage.cut() == [True, True]
        await stage.abort(run)
        ended = await stage.reached(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    assert [each.undone for each in ended.steps] == [Undone.REVERTED, Undone.REVERTED]
    for each in ended.steps:
        assert each.realised["dropped"] == each.realised["packets"] > 0
        assert (each.realised["unheard"], each.realised["lapses"]) == (0, 0)
        assert each.armed_at is not None
        assert each.ended_at is not None
    assert stage.cut() == [False, False]


async def test_it_is_in_force_in_each_pod_half_a_second_after_it_was_asked_for(
    stage: Stage,
) -> None:
    took: list[float] = []
    async with stage.agent(), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        while not took or (min(took) > 0.5 and len(took) < 3):  # others run here, too
            run = await stage.asked(60)
            active = await stage.reached(run, Phase.ACTIVE)
            since = [each.armed_at for each in active.steps if each.armed_at]
            took.append((max(since) - active.times["requested"]).total_seconds())
            assert (len(since), active.times["mutated"]) == (2, min(since))
            await stage.abort(run)
            await stage.reached(run, Phase.ENDED)
    assert min(took) <= 0.5


@pytest.mark.parametrize(("at", "after"), AGENT_ROWS)
async def test_fault_agent_killed_at_a_write_and_started_again(
    stage: Stage, at: int, *, after: bool
) -> None:
    mortal = Mortal(stage.breakable.api, at, after=after)
    async with driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        async with stage.agent(mortal):
            run = await stage.asked(60)
            if AGENT_WRITES[at] == "over":
                await stage.reached(run, Phase.ACTIVE)
                await stage.abort(run)
            await until(lambda: mortal.dead, 20)
        assert mortal.last == "replace FaultRun"
        assert await stage.gone(TTL) < TTL
        async with stage.agent():
            if AGENT_WRITES[at] == "in force":
                await stage.reached(run, Phase.ACTIVE)
                assert stage.cut() == [True, True]
                await stage.abort(run)
            ended = await stage.reached(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    assert await stage.clean()


@pytest.mark.parametrize(("at", "write", "after"), DRIVER_ROWS)
async def test_the_injector_killed_at_a_write_the_reaper_ends_it(
    stage: Stage, at: int, write: str, *, after: bool
) -> None:
    breakable = stage.breakable
    mortal = Mortal(breakable.api, at, after=after)
    async with stage.agent():
        run = await stage.asked(3)
        async with driving(mortal, breakable.own, INJECTOR):
            await until(lambda: mortal.dead, 20)
        assert mortal.last == write
        armed = (await breakable.found(run.run_id)).expires_at is not None
        if not armed:  # it is abandoned after half a minute; a person is quicker
            await stage.abort(run)
        async with driving(breakable.api, breakable.own, AT_ONCE):
            ended = await stage.reached(run, Phase.ENDED)
    # Nobody has looked for its effect until its time was over.
    assert ended.ending is (Ending.NO_EFFECT if armed else Ending.ABORTED)
    assert [each.problem for each in ended.steps] == ["", ""]
    assert await stage.clean()


async def test_all_killed_the_kernel_ends_it_and_the_reaper_closes_it(stage: Stage) -> None:
    """Injector and fault-agent dead, and the node does not come back."""
    breakable = stage.breakable
    async with driving(breakable.api, breakable.own, INJECTOR, proves=True):
        async with stage.agent():
            run = await stage.asked(3)
            await stage.reached(run, Phase.ACTIVE)
            assert stage.cut() == [True, True]  # packets that are lost: no names are looked up here
            await stage.seen(run)
        assert await stage.gone(TTL) < TTL
    async with driving(breakable.api, breakable.own, AT_ONCE):
        ended = await stage.reached(run, Phase.ENDED, 3 + NODE_ANSWER + 15)
    assert ended.ending is Ending.EXPIRED
    assert [each.undone for each in ended.steps] == [Undone.GONE, Undone.GONE]
    assert "nobody on its node said that the fault is over" in ended.problem


async def test_a_process_of_a_fault_killed_it_is_made_again(stage: Stage) -> None:
    async with stage.agent(), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await stage.asked(60)
        await stage.reached(run, Phase.ACTIVE)
        (first, second) = fault_workers()
        os.kill(first, signal.SIGKILL)
        await until(lambda: len({*fault_workers()} - {first, second}) == 1)
        await until(lambda: stage.cut() == [True, True])
        await stage.abort(run)
        ended = await stage.reached(run, Phase.ENDED)
    assert [each.undone for each in ended.steps] == [Undone.REVERTED, Undone.REVERTED]


async def test_its_time_over_it_has_ended_by_its_own_clock(stage: Stage) -> None:
    """The driver is dead, and nobody tells fault-agent that the time is over."""
    breakable = stage.breakable
    async with stage.agent():
        async with driving(breakable.api, breakable.own, INJECTOR):
            run = await stage.asked(3)
            await stage.reached(run, Phase.ACTIVE)

        async def over() -> bool:
            return all(each.undone for each in (await breakable.found(run.run_id)).steps)

        await until(over, 10)
        found = await breakable.found(run.run_id)
        assert found.phase is Phase.ACTIVE
        assert found.expires_at is not None
        for each in found.steps:
            assert each.ended_at is not None
            assert 0 <= (each.ended_at - found.expires_at).total_seconds() < TTL
        async with driving(breakable.api, breakable.own, AT_ONCE):
            await stage.reached(run, Phase.ENDED)


async def test_nobody_on_the_node_the_run_is_turned_back(stage: Stage) -> None:
    breakable = stage.breakable
    async with driving(breakable.api, breakable.own, INJECTOR):
        run = await stage.asked(12)
        ended = await stage.reached(run, Phase.ENDED, 40)
    assert ended.ending is Ending.UNANSWERED
    assert ended.problem == f"fault-agent of node {NODE} did not answer in 10 s"
    assert str(Phase.ACTIVE) not in ended.times


async def test_a_pod_that_is_replaced_takes_its_fault_along(
    breakable: Breakable, yard: Yard
) -> None:
    pods = await breakable.api.list(Kind.POD, breakable.namespace, labels={"app": TARGET})
    uids = sorted(each["metadata"]["uid"] for each in pods)
    places = dict(zip(uids, (yard.target, yard.peer), strict=True))
    stage = Stage(breakable, yard, NodeHands(PaperSandboxes(places), Workers(node_of(yard))))
    async with driving(breakable.api, breakable.own, INJECTOR):
        async with stage.agent():
            run = await stage.asked(60)
            await stage.reached(run, Phase.ACTIVE)
        # The node is away, and with it its fault-agent; its pods are made elsewhere.
        for each in run.steps:
            where = each.step.object
            await breakable.api.delete(Kind.POD, where.namespace, where.name, uid=where.uid)
        await stage.abort(run)
        ended = await stage.reached(run, Phase.ENDED, NODE_ANSWER + 20)
    assert [each.undone for each in ended.steps] == [Undone.GONE, Undone.GONE]
    assert ended.problem == ""
