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

from fakes.mortal import Mortal
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Ending, FaultRun, Phase, Undone
from ooda.injector.core.machine import INJECTOR, NODE_ANSWER
from ooda.injector.node.hands import NodeHands
from ooda.injector.node.workers import Workers
from ooda.injector.ports import Cluster
from servers.breakable import Breakable
from servers.datagrams import train
from servers.driving import AT_ONCE, driving
from servers.fault_workers import fault_workers
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.sandboxes import PaperSandboxes, Place, Yard
from servers.standing_fault import node_of
from servers.waiting import until
from servers.yard_ground import places_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

TTL = 1.5
AGENT_TABLE = ((0, "in force"), (2, "over"))
"""What fault-agent writes for the two pods of a run: each kind once."""
DRIVER_TABLE = ((0, "create Lease"), (1, "replace FaultRun"), (8, "delete Lease"))
"""What an injector writes for a run that is made on nodes only: each kind once.

It was made, and whoever made it did not live to know. Every other write, and those of every other
scenario, are tried by ``make kill-matrix``.
"""


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

    async def seen(self, run: FaultRun) -> None:
        """Wait until it was seen to bite."""

        async def bites() -> bool:
            return not (await self.breakable.found(run.run_id)).unproven

        await until(bites, 30)

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
    places = await places_of(breakable, yard)
    return Stage(breakable, yard, NodeHands(PaperSandboxes(places), Workers(node_of(yard))))


async def test_there_and_back(stage: Stage) -> None:
    async with stage.agent(), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await stage.asked(60)
        await stage.breakable.reached(run, Phase.ACTIVE)
        assert stage.cut() == [True, True]
        await stage.breakable.abort(run)
        ended = await stage.breakable.reached(run, Phase.ENDED)
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
            active = await stage.breakable.reached(run, Phase.ACTIVE)
            since = [each.armed_at for each in active.steps if each.armed_at]
            took.append((max(since) - active.times["requested"]).total_seconds())
            assert (len(since), active.times["mutated"]) == (2, min(since))
            await stage.breakable.abort(run)
            await stage.breakable.reached(run, Phase.ENDED)
    assert min(took) <= 0.5


@pytest.mark.parametrize(("at", "write"), AGENT_TABLE)
async def test_fault_agent_killed_at_a_write_and_started_again(
    stage: Stage, at: int, write: str
) -> None:
    mortal = Mortal(stage.breakable.api, at, after=True)
    async with driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        async with stage.agent(mortal):
            run = await stage.asked(60)
            if write == "over":
                await stage.breakable.reached(run, Phase.ACTIVE)
                await stage.breakable.abort(run)
            await until(lambda: mortal.dead, 20)
        assert mortal.last == "replace FaultRun"
        assert await stage.gone(TTL) < TTL
        async with stage.agent():
            if write == "in force":
                await stage.breakable.reached(run, Phase.ACTIVE)
                assert stage.cut() == [True, True]
                await stage.breakable.abort(run)
            ended = await stage.breakable.reached(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    assert await stage.clean()


@pytest.mark.parametrize(("at", "write"), DRIVER_TABLE)
async def test_the_injector_killed_at_a_write_the_reaper_ends_it(
    stage: Stage, at: int, write: str
) -> None:
    breakable = stage.breakable
    mortal = Mortal(breakable.api, at, after=True)
    async with stage.agent():
        run = await stage.asked(3)
        async with driving(mortal, breakable.own, INJECTOR):
            await until(lambda: mortal.dead, 20)
        assert mortal.last == write
        armed = (await breakable.found(run.run_id)).expires_at is not None
        if not armed:  # it is abandoned after half a minute; a person is quicker
            await stage.breakable.abort(run)
        async with driving(breakable.api, breakable.own, AT_ONCE):
            ended = await stage.breakable.reached(run, Phase.ENDED)
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
            await stage.breakable.reached(run, Phase.ACTIVE)
            assert stage.cut() == [True, True]  # packets that are lost: no names are looked up here
            await stage.seen(run)
        assert await stage.gone(TTL) < TTL
    async with driving(breakable.api, breakable.own, AT_ONCE):
        ended = await stage.breakable.reached(run, Phase.ENDED, within=3 + NODE_ANSWER + 15)
    assert ended.ending is Ending.EXPIRED
    assert [each.undone for each in ended.steps] == [Undone.GONE, Undone.GONE]
    assert "nobody on its node said that the fault is over" in ended.problem


async def test_a_process_of_a_fault_killed_it_is_made_again(stage: Stage) -> None:
    async with stage.agent(), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await stage.asked(60)
        await stage.breakable.reached(run, Phase.ACTIVE)
        (first, second) = fault_workers()
        os.kill(first, signal.SIGKILL)
        await until(lambda: len({*fault_workers()} - {first, second}) == 1)
        await until(lambda: stage.cut() == [True, True])
        await stage.breakable.abort(run)
        ended = await stage.breakable.reached(run, Phase.ENDED)
    assert [each.undone for each in ended.steps] == [Undone.REVERTED, Undone.REVERTED]


async def test_its_time_over_it_has_ended_by_its_own_clock(stage: Stage) -> None:
    """The driver is dead, and nobody tells fault-agent that the time is over."""
    breakable = stage.breakable
    async with stage.agent():
        async with driving(breakable.api, breakable.own, INJECTOR):
            run = await stage.asked(3)
            await stage.breakable.reached(run, Phase.ACTIVE)

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
            await stage.breakable.reached(run, Phase.ENDED)


async def test_nobody_on_the_node_the_run_is_turned_back(stage: Stage) -> None:
    breakable = stage.breakable
    async with driving(breakable.api, breakable.own, INJECTOR):
        run = await stage.asked(12)
        ended = await stage.breakable.reached(run, Phase.ENDED, within=40)
    assert ended.ending is Ending.UNANSWERED
    assert ended.problem == f"fault-agent of node {NODE} did not answer in 10 s"
    assert str(Phase.ACTIVE) not in ended.times


async def test_a_pod_that_is_replaced_takes_its_fault_along(
    breakable: Breakable, yard: Yard
) -> None:
    stage = await staged(breakable, yard)
    async with driving(breakable.api, breakable.own, INJECTOR):
        async with stage.agent():
            run = await stage.asked(60)
            await stage.breakable.reached(run, Phase.ACTIVE)
        # The node is away, and with it its fault-agent; its pods are made elsewhere.
        for each in run.steps:
            where = each.step.object
            await breakable.api.delete(Kind.POD, where.namespace, where.name, uid=where.uid)
        await stage.breakable.abort(run)
        ended = await stage.breakable.reached(run, Phase.ENDED, within=NODE_ANSWER + 20)
    assert [each.undone for each in ended.steps] == [Undone.GONE, Undone.GONE]
    assert ended.problem == ""
