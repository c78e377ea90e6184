"""A clock that is off: as far as asked, until exactly then, and in no other process."""

import asyncio
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from ooda.injector.node.means.running import run_in_container, take_back
from ooda.injector.node.orders import LONGEST, End, Refusal
from ooda.injector.node.refusing import RefusedError
from servers.container_faults import begun_elsewhere, order_for, standing
from servers.pods import Container, Pod

SOURCE = Path(__file__).parents[4] / "testbed/shop/clockskew/clockskew.c"
FILE = PurePosixPath("/mnt/clock/skew")
HOUR = 3600.0
SKEW: dict[str, Any] = {"kind": "clock_skew", "file": str(FILE), "offset_seconds": HOUR}

# Tells its clocks for each line.
TELLS = """
import json, sys, time
print(flush=True)
for _ in sys.stdin:
    print(json.dumps([time.monotonic(), time.time(), time.monotonic()]), flush=True)
"""
# The inert file is there first, as the shop makes it.
PROGRAM = [
    *("/bin/sh", "-c", f'head -c 16 /dev/zero > {FILE} && exec "$@"', "sh"),
    *(sys.executable, "-c", TELLS),
]


class Clock:
    """What a process of the container sees of its clocks."""

    def __init__(self, container: Container) -> None:
        self.container = container
        stdin, stdout = container.process.stdin, container.process.stdout
        assert stdin is not None
        assert stdout is not None
        self._ask, self._answers = stdin, stdout
        self._answers.readline()

    def look(self) -> tuple[float, float, float]:
        """Give a time of the wall clock between two of the monotonic one."""
        self._ask.write(b"\n")
        self._ask.flush()
        before, wall, after = json.loads(self._answers.readline())
        return before, wall, after

    def shift(self) -> float:
        """Give by how many seconds the wall clock is off; the monotonic one never is."""
        begun = time.monotonic()
        before, wall, after = self.look()
        assert begun < before < after < time.monotonic()
        if after - before > 0.05:  # it was kept from running between the two
            return self.shift()
        return (wall - before) - (time.time() - time.monotonic())

    def content(self) -> bytes:
        """Give what is in the file."""
        return self.container.path(FILE).read_bytes()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("clock") / "libclockskew.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", built, SOURCE, "-ldl"], check=True)
    return built


@pytest.fixture
def clocked(pod: Pod, library: Path) -> Callable[[], Clock]:
    def start() -> Clock:
        env = {"LD_PRELOAD": str(library), "CLOCK_SKEW_FILE": str(FILE)}
        return Clock(pod.start(PROGRAM, env=env))

    return start


@pytest.mark.parametrize("offset", [HOUR, -HOUR, 0.25])
async def test_it_is_off_as_far_as_asked_and_then_right_again(
    pod: Pod, clocked: Callable[[], Clock], offset: float
) -> None:
    clock = clocked()
    assert clock.shift() == pytest.approx(0, abs=0.1)
    async with standing(order_for(pod, {**SKEW, "offset_seconds": offset})) as fault:
        assert clock.shift() == pytest.approx(offset, abs=0.1)
        result = await fault.ended()
        assert clock.shift() == pytest.approx(0, abs=0.1)
    assert clock.content() == bytes(16)
    assert result.end is End.STOPPED
    assert result.realised == {"offset_seconds": offset}


async def test_it_is_in_force_half_a_second_after_the_call(
    pod: Pod, clocked: Callable[[], Clock]
) -> None:
    clocked()
    took = []
    for _ in range(3):  # others run here, too
        called = datetime.now(UTC)
        async with standing(order_for(pod, SKEW)) as fault:
            took.append(fault.armed.at - called)
    assert min(took) < timedelta(seconds=0.5)


async def test_it_ends_by_its_own_clock(pod: Pod, clocked: Callable[[], Clock]) -> None:
    clock = clocked()
    order = order_for(pod, SKEW, seconds=1)
    result = await run_in_container(order)
    assert clock.shift() == pytest.approx(0, abs=0.1)
    assert clock.content() == bytes(16)
    assert result.end is End.EXPIRED
    assert timedelta(0) <= result.ended_at - order.until < timedelta(seconds=1)


async def test_killed_it_still_ends_exactly_then(pod: Pod, clocked: Callable[[], Clock]) -> None:
    clock = clocked()
    order = order_for(pod, SKEW, seconds=5)
    with begun_elsewhere(order):
        pass  # which kills it
    _, ends_ns = struct.unpack("=qq", clock.content())
    ends = ends_ns / 1_000_000_000
    left = (order.until - datetime.now(UTC)).total_seconds()
    assert ends == pytest.approx(time.monotonic() + left, abs=0.05)
    after = 0.0
    while after < ends:
        _, wall, after = clock.look()
        assert wall - time.time() > HOUR / 2 or after >= ends
    assert clock.shift() == pytest.approx(0, abs=0.1)


async def test_killed_it_goes_on_for_whoever_comes_next(
    pod: Pod, clocked: Callable[[], Clock]
) -> None:
    clock = clocked()
    order = order_for(pod, SKEW)
    with begun_elsewhere(order):
        pass  # which kills it
    async with standing(order) as fault:
        assert clock.shift() == pytest.approx(HOUR, abs=0.1)
        await fault.ended()
    assert clock.content() == bytes(16)


async def test_killed_it_can_be_taken_back_early(pod: Pod, clocked: Callable[[], Clock]) -> None:
    clock = clocked()
    order = order_for(pod, SKEW)
    with begun_elsewhere(order):
        pass  # which kills it
    take_back(order.fault, order.pod_uid)
    take_back(order.fault, order.pod_uid)
    assert clock.shift() == pytest.approx(0, abs=0.1)
    assert clock.content() == bytes(16)


async def test_another_one_meanwhile_is_refused_and_the_first_goes_on(
    pod: Pod, clocked: Callable[[], Clock]
) -> None:
    clock = clocked()
    async with standing(order_for(pod, SKEW)):
        with pytest.raises(RefusedError) as refused:
            await run_in_container(order_for(pod, {**SKEW, "offset_seconds": 60}))
        assert refused.value.code is Refusal.BUSY
        assert clock.shift() == pytest.approx(HOUR, abs=0.1)


async def test_another_container_of_the_pod_is_not_hit(
    pod: Pod, clocked: Callable[[], Clock], library: Path
) -> None:
    clock = clocked()
    env = {"LD_PRELOAD": str(library), "CLOCK_SKEW_FILE": str(FILE)}
    beside = Clock(pod.start(PROGRAM, name="beside", env=env))
    async with standing(order_for(pod, SKEW)):
        assert clock.shift() == pytest.approx(HOUR, abs=0.1)
        assert beside.shift() == pytest.approx(0, abs=0.1)


async def test_cancelled_it_is_right_when_that_returns(
    pod: Pod, clocked: Callable[[], Clock]
) -> None:
    clock = clocked()
    async with standing(order_for(pod, SKEW)) as fault:
        fault.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fault.task
        assert clock.content() == bytes(16)


async def test_it_ends_with_the_pod(pod: Pod, clocked: Callable[[], Clock]) -> None:
    clocked()
    async with standing(order_for(pod, SKEW)) as fault:
        pod.pause.kill()
        assert (await fault.task).end is End.SANDBOX_GONE


def no_file(_: Container) -> None:
    """Leave it away."""


def short(container: Container) -> None:
    container.path(FILE).write_bytes(bytes(8))


def a_link_out(container: Container) -> None:
    outside = container.path(PurePosixPath("/mnt/volume/elsewhere"))
    outside.write_bytes(bytes(16))
    container.path(FILE).symlink_to("/mnt/volume/elsewhere")


def a_pipe(container: Container) -> None:
    os.mkfifo(container.path(FILE))


@pytest.mark.parametrize("prepare", [no_file, short, a_link_out, a_pipe])
async def test_a_container_without_the_file_is_refused(
    pod: Pod, prepare: Callable[[Container], None]
) -> None:
    prepare(pod.start())
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, SKEW))
    assert refused.value.code is Refusal.NO_CLOCK_FILE


async def test_no_link_leads_out_of_the_container(pod: Pod, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "skew").write_bytes(bytes(16))
    container = pod.start()
    # Within its own root the link leads to a folder that is not there.
    folder = container.path(PurePosixPath("/mnt/clock"))
    folder.rmdir()
    folder.symlink_to(f"/proc/{os.getpid()}/root{outside}")
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, SKEW))
    assert refused.value.code is Refusal.NO_CLOCK_FILE
    assert (outside / "skew").read_bytes() == bytes(16)


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"seconds": -1}, Refusal.EXPIRED),
        ({"seconds": LONGEST.total_seconds() + 5}, Refusal.TOO_LONG),
        ({"sandbox": {"kind": "process", "pid": 2**22 - 1}}, Refusal.SANDBOX_GONE),
        ({"pod_uid": "1b4e28ba-2fa1-11d2-883f-0016d3cca427"}, Refusal.NO_PROCESS),
    ],
)
async def test_refused_before_anything_is_done(
    pod: Pod, clocked: Callable[[], Clock], stated: dict[str, Any], code: Refusal
) -> None:
    clock = clocked()
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, SKEW, **stated))
    assert refused.value.code is code
    assert clock.content() == bytes(16)


async def test_what_an_older_one_left_is_no_fault(pod: Pod, clocked: Callable[[], Clock]) -> None:
    clock = clocked()
    with clock.container.path(FILE).open("r+b") as file:
        file.write(struct.pack("=qq", -5, time.monotonic_ns()))
    async with standing(order_for(pod, SKEW)):
        assert clock.shift() == pytest.approx(HOUR, abs=0.1)
