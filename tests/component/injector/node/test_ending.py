"""A fault ends: at its time, when told, and whatever is killed."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ooda.injector.node.orders import LONGEST, End, Refusal
from ooda.injector.node.refusing import RefusedError, WorkerLostError
from ooda.injector.node.running import run
from ooda.injector.node.workers import Workers
from servers.datagrams import Train, train
from servers.fault_workers import fault_workers
from servers.sandboxes import Place, Yard
from servers.standing_fault import node_of, order_for, standing

FAULTS: list[dict[str, Any]] = [
    {"kind": "loss", "percent": 95},
    {"kind": "delay", "mean_ms": 2000},
    {"kind": "partition"},
]
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["kind"])
TTL = 1.5


def _until(true: Callable[[], bool], *, within: float) -> float:
    """Give after how many seconds it was true."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < within
    return time.monotonic() - begun


def _undisturbed(datagrams: Train, place: Place) -> None:
    """Every one comes in, at once, and nobody has a queue there."""
    before = len(datagrams.arrived(within=0.1))
    datagrams.send(200)
    came = datagrams.arrived(within=0.1)[before:]
    assert len(came) == 200
    assert max(datagram.took_ms for datagram in came) < 500
    assert place.queues() == ""


@each_fault
async def test_it_is_in_force_half_a_second_after_the_call(
    yard: Yard, fault: dict[str, Any]
) -> None:
    took: list[timedelta] = []
    while not took or (
        min(took) > timedelta(seconds=0.5) and len(took) < 3
    ):  # others run here, too
        called = datetime.now(UTC)
        async with standing(yard, order_for(yard, fault=fault)) as stands:
            took.append(stands.armed.at - called)
            with train(yard.peer, yard.target) as datagrams:
                datagrams.send(20)
                assert len(datagrams.arrived(within=0.1)) < 10
    assert min(took) <= timedelta(seconds=0.5)


@each_fault
async def test_it_ends_by_its_own_clock(yard: Yard, fault: dict[str, Any]) -> None:
    order = order_for(yard, fault=fault, seconds=1.5)
    async with standing(yard, order) as stands:
        result = await stands.task
    assert result.end is End.EXPIRED
    assert timedelta(0) <= result.ended_at - order.until < timedelta(seconds=TTL)
    with train(yard.peer, yard.target) as datagrams:
        _undisturbed(datagrams, yard.target)


@each_fault
@pytest.mark.parametrize("after", [0.0, 0.35])
async def test_killed_it_leaves_nothing(yard: Yard, fault: dict[str, Any], after: float) -> None:
    with train(yard.peer, yard.target) as datagrams:
        async with standing(yard, order_for(yard, fault=fault)) as stands:
            datagrams.send(50)
            await asyncio.sleep(after)
            os.kill(stands.armed.worker, signal.SIGKILL)
            with pytest.raises(WorkerLostError):
                await stands.task
        _until(datagrams.passes, within=TTL)
        _undisturbed(datagrams, yard.target)
        # What had it is free again.
        async with standing(yard, order_for(yard, fault=fault)) as again:
            assert (await again.ended()).end is End.STOPPED


@pytest.mark.parametrize("after_ms", range(0, 240, 20))
async def test_killed_while_it_begins_it_leaves_nothing(yard: Yard, after_ms: int) -> None:
    stop = asyncio.Event()
    order = order_for(yard, fault={"kind": "partition"})
    begun = asyncio.create_task(run(order, Workers(node_of(yard)), stop=stop))
    await asyncio.sleep(after_ms / 1000)
    for worker in fault_workers():
        os.kill(worker, signal.SIGKILL)
    stop.set()
    with contextlib.suppress(WorkerLostError):
        await begun
    with train(yard.peer, yard.target) as datagrams:
        _undisturbed(datagrams, yard.target)


@each_fault
async def test_stopped_in_its_tracks_it_ends_in_the_kernel(
    yard: Yard, fault: dict[str, Any]
) -> None:
    with train(yard.peer, yard.target) as datagrams:
        async with standing(yard, order_for(yard, fault=fault)) as stands:
            os.kill(stands.armed.worker, signal.SIGSTOP)
            _until(datagrams.passes, within=TTL)
            datagrams.arrived()
            datagrams.send(200)
            numbers = [datagram.number for datagram in datagrams.arrived(within=0.1)][-200:]
            assert numbers == list(range(numbers[0], numbers[0] + 200))
            os.kill(stands.armed.worker, signal.SIGCONT)
            result = await stands.ended()
    assert result.counters.lapses >= 1


async def test_it_ends_with_whoever_ordered_it(yard: Yard) -> None:
    program = (
        "import asyncio, sys, pathlib;"
        "from ooda.injector.node.orders import Order;"
        "from ooda.injector.node.running import run;"
        "from ooda.injector.node.workers import Workers;"
        "workers = Workers(pathlib.Path(sys.argv[2]));"
        "asyncio.run(run(Order.model_validate_json(sys.argv[1]), workers,"
        " armed=lambda armed: print(armed.worker, flush=True)))"
    )
    order = order_for(yard, fault={"kind": "partition"}).model_dump_json()
    ordering = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, order, str(node_of(yard)), stdout=asyncio.subprocess.PIPE
    )
    assert ordering.stdout is not None
    assert await ordering.stdout.readline()
    with train(yard.peer, yard.target) as datagrams:
        assert not datagrams.passes()
        ordering.kill()
        await ordering.wait()
        _until(datagrams.passes, within=TTL)
        _until(lambda: yard.target.queues() == "", within=TTL)
        _undisturbed(datagrams, yard.target)


async def test_cancelled_it_is_gone_when_that_returns(yard: Yard) -> None:
    with train(yard.peer, yard.target) as datagrams:
        async with standing(yard, order_for(yard, fault={"kind": "partition"})) as stands:
            stands.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stands.task
            _undisturbed(datagrams, yard.target)


@pytest.mark.usefixtures("yard")  # which is skipped where no yard can be made
async def test_it_ends_with_the_sandbox() -> None:
    with Yard.made() as other:
        async with standing(other, order_for(other, fault={"kind": "partition"})) as stands:
            os.kill(other.target.pid, signal.SIGKILL)
            result = await stands.task
    assert result.end is End.SANDBOX_GONE


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"seconds": -1}, Refusal.EXPIRED),
        ({"seconds": LONGEST.total_seconds() + 5}, Refusal.TOO_LONG),
        ({"sandbox": {"kind": "namespace", "path": "/nowhere"}}, Refusal.SANDBOX_GONE),
        ({"sandbox": {"kind": "process", "pid": 2**22 - 1}}, Refusal.SANDBOX_GONE),
        ({"sandbox": {"kind": "namespace", "path": "/proc/self/ns/net"}}, Refusal.HOST_NETWORK),
    ],
)
async def test_refused_before_anything_is_done(
    yard: Yard, stated: dict[str, Any], code: Refusal
) -> None:
    order = order_for(yard, fault={"kind": "partition"}, **stated)
    with pytest.raises(RefusedError) as refused:
        await run(order, Workers(node_of(yard)))
    assert refused.value.code is code


async def test_where_the_nodes_network_cannot_be_seen_nothing_is_done(yard: Yard) -> None:
    order = order_for(yard, fault={"kind": "partition"})
    with pytest.raises(RefusedError) as refused:
        await run(order, Workers(node_of(yard).with_name("nothing")))
    assert refused.value.code is Refusal.HOST_NETWORK


async def test_a_second_fault_in_the_same_sandbox_is_refused_and_the_first_goes_on(
    yard: Yard,
) -> None:
    async with standing(yard, order_for(yard, fault={"kind": "partition"})):
        with pytest.raises(RefusedError) as refused:
            await run(order_for(yard, fault={"kind": "loss", "percent": 5}), Workers(node_of(yard)))
        assert refused.value.code is Refusal.BUSY
        with train(yard.peer, yard.target) as datagrams:
            assert not datagrams.passes()


async def test_a_sandbox_may_be_named_by_its_namespace(yard: Yard) -> None:
    path = f"/proc/{yard.target.pid}/ns/net"
    order = order_for(
        yard, fault={"kind": "partition"}, sandbox={"kind": "namespace", "path": path}
    )
    async with standing(yard, order):
        with train(yard.peer, yard.target) as datagrams:
            assert not datagrams.passes()
