"""A process for a fault is ready before there is one."""

import asyncio
import datetime as dt
import os
import signal

import pytest

from factories.fault_runs import node_step
from ooda.common.node_means import Contact, Means, Proof
from ooda.injector.node.hands import NodeHands
from ooda.injector.node.orders import End
from ooda.injector.node.refusing import WorkerLostError
from ooda.injector.node.running import run
from ooda.injector.node.workers import Workers
from servers.fault_workers import fault_workers
from servers.sandboxes import PEER, PaperSandboxes, Yard
from servers.standing_fault import node_of, order_for
from servers.waiting import until


async def waiting() -> int:
    """Give the process that is ready, when it is."""
    await until(lambda: len(fault_workers()) == 1, 20)
    return fault_workers()[0]


async def test_the_one_that_is_ready_is_given_and_another_follows() -> None:
    workers = Workers()
    async with workers.kept_ready():
        ready = await waiting()
        first = await workers.take()
        assert first.pid == ready
        await first.communicate(b"")
        assert first.returncode == 0
        workers.prepare()
        ready = await waiting()
        second = await workers.take()
        assert second.pid == ready != first.pid
        await second.communicate(b"")


async def test_one_that_died_while_it_waited_is_a_lost_one(yard: Yard) -> None:
    workers = Workers(node_of(yard))
    order = order_for(yard, fault={"kind": "loss", "percent": 50})
    async with workers.kept_ready():
        os.kill(await waiting(), signal.SIGKILL)
        with pytest.raises(WorkerLostError):
            await run(order, workers)
        stop = asyncio.Event()
        result = await run(order, workers, stop=stop, armed=lambda _: stop.set())
    assert result.end is End.STOPPED


NOBODY = Contact.model_validate({"asks": [{"address": PEER, "port": 9}]})
"""Whom the kernel answers for."""


def unheeded(since: dt.datetime, proof: Proof) -> None:
    """Heed neither."""


@pytest.mark.parametrize(
    "means", [node_step().means, NOBODY], ids=["packets are lost", "it is only asked"]
)
async def test_whatever_is_done_in_a_pods_network_begins_with_it(yard: Yard, means: Means) -> None:
    step = node_step().model_copy(update={"means": means})
    hands = NodeHands(PaperSandboxes({step.object.uid: yard.target}), Workers(node_of(yard)))
    over = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    stop = asyncio.Event()
    serving: list[int] = []

    def in_force(_: dt.datetime) -> None:
        serving.extend(fault_workers())
        stop.set()

    async with hands.kept_ready():
        ready = await waiting()
        await hands.carry_out("run-1/0", step, over, stop, in_force, unheeded, again=False)
        assert serving == [ready]
        assert await waiting() != ready


async def test_nobody_waits_after_the_block() -> None:
    async with Workers().kept_ready():
        await waiting()
    assert fault_workers() == []


async def test_without_it_one_is_begun_when_it_is_needed() -> None:
    workers = Workers()
    workers.prepare()
    given = await workers.take()
    assert fault_workers() == [given.pid]
    await given.communicate(b"")
