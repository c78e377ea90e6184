"""Memory that is counted for a container until it is killed for it, and nothing beside it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from ooda.injector.node.means.running import run_in_container, take_back
from ooda.injector.node.orders import End, Refusal
from ooda.injector.node.refusing import RefusedError
from servers.container_faults import MACHINE, begun_elsewhere, order_for, standing
from servers.pods import Container, Pod, unable_to_limit
from servers.waiting import until

MIB = 1 << 20
LEAK: dict[str, Any] = {"kind": "leak", "mib": 64, "mib_per_second": 100}
SMALL: dict[str, Any] = {**LEAK, "mib": 8}


@pytest.fixture(autouse=True)
def limited() -> None:
    if reason := unable_to_limit():
        pytest.skip(reason)


LARGE: Final = (sys.executable, "-S", "-c", "import time; x = b'x' * (4 << 20); time.sleep(600)")
"""A program that gives some memory back when it is killed."""


async def ended(container: Container) -> None:
    """Wait until its main process is gone."""
    await asyncio.to_thread(container.process.wait, 10)


def leaks(container: Container) -> Callable[[], bool]:
    """Say later whether it has as much memory as a small leak takes."""
    return lambda: container.memory_bytes() >= 8 * MIB


async def test_each_life_ends_for_want_of_memory(pod: Pod) -> None:
    lives = [pod.start(LARGE, limit_mib=24)]
    async with standing(order_for(pod, LEAK)) as fault:
        await ended(lives[0])
        lives.append(pod.start(LARGE, limit_mib=24))
        await ended(lives[1])
        result = await fault.ended()
    assert [each.kills_for_memory() for each in lives] == [1, 1]
    assert result.end is End.STOPPED
    assert result.realised["lives"] == 2
    assert 8 * MIB <= result.realised["leaked_bytes"] <= 24 * MIB
    assert [each.memory_bytes() < MIB for each in lives] == [True, True]


async def test_where_there_is_room_for_it_nobody_is_killed(pod: Pod) -> None:
    """So a higher limit is a cure."""
    container = pod.start(limit_mib=32)
    async with standing(order_for(pod, SMALL)) as fault:
        await until(leaks(container))
        result = await fault.ended()
    assert container.lives()
    assert container.kills_for_memory() == 0
    assert result.realised == {"lives": 1, "leaked_bytes": 8 * MIB}
    assert container.memory_bytes() < 8 * MIB
    assert not container.others_in_memory()


async def test_it_grows_as_fast_as_asked(pod: Pod) -> None:
    container = pod.start(limit_mib=32)
    begun = time.monotonic()
    async with standing(order_for(pod, {**SMALL, "mib_per_second": 16})):
        await until(leaks(container))
        took = time.monotonic() - begun
    assert took > 0.3


async def test_the_rest_of_the_pod_lives(pod: Pod) -> None:
    container = pod.start(limit_mib=24)
    beside = pod.start(name="beside", limit_mib=24)
    async with standing(order_for(pod, LEAK)):
        await ended(container)
    assert beside.lives()
    assert beside.kills_for_memory() == 0
    assert pod.pause.poll() is None


async def test_it_ends_by_its_own_clock(pod: Pod) -> None:
    container = pod.start(limit_mib=32)
    async with standing(order_for(pod, SMALL, seconds=2)) as fault:
        await until(leaks(container))
        assert (await fault.task).end is End.EXPIRED
    assert not container.others_in_memory()
    assert container.lives()


async def test_it_ends_with_the_pod(pod: Pod) -> None:
    container = pod.start(limit_mib=32)
    async with standing(order_for(pod, SMALL)) as fault:
        pod.pause.kill()
        assert (await fault.task).end is End.SANDBOX_GONE
    assert not container.others_in_memory()


async def test_killed_it_gives_the_memory_back_at_once(pod: Pod) -> None:
    order = order_for(pod, SMALL)
    container = pod.start(limit_mib=32)
    with begun_elsewhere(order):
        await until(leaks(container))
    await until(lambda: not container.others_in_memory(), 2)
    take_back(order.fault, order.pod_uid)
    assert container.lives()
    assert container.memory_bytes() < 8 * MIB


@contextlib.contextmanager
def stopped(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def test_it_ends_in_time_though_fault_agent_stands_still(pod: Pod) -> None:
    container = pod.start(limit_mib=32)
    with begun_elsewhere(order_for(pod, SMALL, seconds=2)) as fault_agent:
        await until(leaks(container))
        with stopped(fault_agent.pid):
            await until(lambda: container.memory_bytes() < 8 * MIB, 4)
    assert container.lives()


async def test_a_container_that_ends_by_itself_is_found_again(pod: Pod) -> None:
    first = pod.start(limit_mib=32)
    async with standing(order_for(pod, SMALL)) as fault:
        await until(leaks(first))
        os.kill(first.pid, signal.SIGKILL)
        await ended(first)
        second = pod.start(limit_mib=32)
        await until(leaks(second))
        result = await fault.ended()
    assert result.realised["lives"] == 2


def without_limit(pod: Pod) -> None:
    pod.start(limit_mib=1 << 24)


def in_no_cgroup_of_memory(pod: Pod) -> None:
    pod.start()


def killed_last(pod: Pod) -> None:
    """With less memory than the process that leaks, and no sooner to be killed."""
    pod.start(limit_mib=16, killed_first=False)


def with_nobody_in_it(_: Pod) -> None:
    """Start nothing."""


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (without_limit, Refusal.NO_MEMORY),
        (in_no_cgroup_of_memory, Refusal.NO_PROCESS),
        (killed_last, Refusal.KERNEL),
        (with_nobody_in_it, Refusal.NO_PROCESS),
    ],
)
async def test_what_cannot_leak_is_refused(
    pod: Pod, made: Callable[[Pod], None], code: Refusal
) -> None:
    made(pod)
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, LEAK), node_root=MACHINE)
    assert refused.value.code is code


async def test_a_cgroup_that_cannot_be_entered_is_refused(
    pod: Pod, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file names the process, and nobody can write to it."""
    parent = pod.start().process.pid
    folder = tmp_path / "sys/fs/cgroup/memory" / f"pod{pod.uid}"
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").symlink_to(f"/proc/{parent}/task/{parent}/children")
    (folder / "memory.limit_in_bytes").write_text(str(24 * MIB))
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, LEAK), node_root=tmp_path)
    assert refused.value.code is Refusal.KERNEL
    assert "cgroup.procs" in capfd.readouterr().err
