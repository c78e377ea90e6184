"""A step of the journal for a container, carried out by fault-agent's hands."""

import asyncio
import datetime as dt
import os

import pytest

from ooda.common.cluster.kinds import Kind
from ooda.common.container_faults import CrashLoop
from ooda.common.fault_runs import NodeStep, Undone
from ooda.common.node_means import Proof
from ooda.common.plans import ObjectRef
from ooda.injector.node.hands import NodeHands, Outcome
from ooda.injector.node.orders import Refusal, Sandbox, SandboxProcess
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.workers import Workers
from servers.pods import Pod


class OneSandbox:
    """The sandbox of the one pod."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod

    def find(self, pod_uid: str) -> Sandbox | None:
        return SandboxProcess(pid=self._pod.pause.pid) if pod_uid == self._pod.uid else None


def step_for(uid: str) -> NodeStep:
    where = ObjectRef(kind=Kind.POD, namespace="fault-injection-shop", name="cart-1", uid=uid)
    return NodeStep(object=where, node="worker-1", means=CrashLoop(container="app", kills=1))


def _unseen(since: dt.datetime, proof: Proof) -> None:
    raise AssertionError(f"no {proof} can tell of a container, since {since}")


async def carried_out(pod: Pod, uid: str, stop: asyncio.Event) -> tuple[Outcome, list[dt.datetime]]:
    told: list[dt.datetime] = []
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    hands = NodeHands(OneSandbox(pod), Workers())
    step = step_for(uid)
    carried = hands.carry_out("run-1/0", step, until, stop, told.append, _unseen, again=False)
    return await carried, told


async def test_a_container_is_broken_and_what_came_of_it_is_told(pod: Pod) -> None:
    container = pod.start()
    stop = asyncio.Event()
    begun = asyncio.create_task(carried_out(pod, pod.uid, stop))
    await asyncio.to_thread(container.process.wait)
    stop.set()
    outcome, told = await begun
    assert outcome.undone is Undone.REVERTED
    assert outcome.realised == {"kills": 1}
    assert len(told) == 1


async def test_a_pod_that_goes_takes_the_step_along(pod: Pod) -> None:
    container = pod.start()
    begun = asyncio.create_task(carried_out(pod, pod.uid, asyncio.Event()))
    await asyncio.to_thread(container.process.wait)
    os.kill(pod.pause.pid, 9)
    assert (await begun)[0].undone is Undone.GONE


async def test_a_pod_of_another_node_is_refused(pod: Pod) -> None:
    with pytest.raises(RefusedError) as refused:
        await carried_out(pod, "another", asyncio.Event())
    assert refused.value.code is Refusal.SANDBOX_GONE


def test_nothing_is_taken_back_in_a_pod_that_is_not_here(pod: Pod) -> None:
    with pytest.raises(RefusedError) as refused:
        NodeHands(OneSandbox(pod), Workers()).take_back(step_for("another"))
    assert refused.value.code is Refusal.SANDBOX_GONE


def test_what_leaves_nothing_has_nothing_taken_back(pod: Pod) -> None:
    container = pod.start()
    NodeHands(OneSandbox(pod), Workers()).take_back(step_for(pod.uid))
    assert container.lives()
