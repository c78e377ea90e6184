"""A container that crashes again and again, and nothing beside it."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ooda.injector.node.means.containers import main_process
from ooda.injector.node.means.running import run_in_container, take_back
from ooda.injector.node.orders import End, Refusal
from ooda.injector.node.refusing import RefusedError
from servers.container_faults import begun_elsewhere, order_for, standing
from servers.pods import Container, Pod

LOOP: dict[str, Any] = {"kind": "crash_loop", "kills": 3}


async def ended(container: Container) -> None:
    """Wait until its main process is gone."""
    await asyncio.to_thread(container.process.wait, 10)


async def test_each_main_process_is_killed_until_it_ends(pod: Pod) -> None:
    first = pod.start()
    async with standing(order_for(pod, {**LOOP, "kills": 100})) as fault:
        await ended(first)
        for _ in range(3):
            await ended(pod.start())
        result = await fault.ended()
    last = pod.start()
    assert result.end is End.STOPPED
    assert result.realised == {"kills": 4}
    assert last.lives()


async def test_it_kills_as_often_as_asked_and_then_only_waits(pod: Pod) -> None:
    first = pod.start()
    async with standing(order_for(pod, {**LOOP, "kills": 2})) as fault:
        await ended(first)
        await ended(pod.start())
        spared = pod.start()
        with pytest.raises(subprocess.TimeoutExpired):
            await asyncio.to_thread(spared.process.wait, 0.5)
        result = await fault.ended()
    assert result.realised == {"kills": 2}


async def test_the_first_is_killed_half_a_second_after_the_call(pod: Pod) -> None:
    took = []
    for _ in range(3):  # others run here, too
        first = pod.start()
        called = datetime.now(UTC)
        async with standing(order_for(pod, LOOP)) as fault:
            took.append(fault.armed.at - called)
            await ended(first)
    assert min(took) < timedelta(seconds=0.5)


async def test_the_rest_of_the_pod_lives(pod: Pod) -> None:
    first, beside = pod.start(), pod.start(name="beside")
    longer = pod.start(name="app-proxy")
    async with standing(order_for(pod, LOOP)):
        await ended(first)
    assert beside.lives()
    assert longer.lives()
    assert pod.pause.poll() is None


async def test_a_container_that_waits_is_hit_when_it_comes(pod: Pod) -> None:
    async with standing(order_for(pod, LOOP)) as fault:
        await ended(pod.start())
        assert (await fault.ended()).realised == {"kills": 1}


async def test_a_process_beside_the_main_one_is_not_it(pod: Pod) -> None:
    """In a shell that waits for its child, the child has the same files and cgroup."""
    container = pod.start(["/bin/sh", "-c", "sleep 600 & echo; wait"])
    stdout = container.process.stdout
    assert stdout is not None
    assert stdout.readline() == b"\n"
    found = main_process(pod.uid, "app")
    assert found is not None
    with found:
        assert found.pid == container.pid


async def test_it_ends_with_the_pod(pod: Pod) -> None:
    async with standing(order_for(pod, LOOP)) as fault:
        pod.pause.kill()
        assert (await fault.task).end is End.SANDBOX_GONE


async def test_killed_it_kills_no_more_and_leaves_nothing(pod: Pod) -> None:
    order = order_for(pod, {**LOOP, "kills": 100})
    first = pod.start()
    with begun_elsewhere(order):
        await ended(first)
    take_back(order.fault, order.pod_uid)
    assert pod.start().lives()


async def test_a_pod_that_is_gone_is_refused(pod: Pod) -> None:
    order = order_for(pod, LOOP, sandbox={"kind": "process", "pid": 2**22 - 1})
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order)
    assert refused.value.code is Refusal.SANDBOX_GONE
