"""A disk that is full, but never to the brim, and is empty again whatever happens."""

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ooda.injector.node.core.room import FLOOR, MIB
from ooda.injector.node.means.running import run_in_container, take_back
from ooda.injector.node.orders import End, Refusal
from ooda.injector.node.refusing import RefusedError
from servers.container_faults import MACHINE, begun_elsewhere, order_for, standing
from servers.pods import ROOM_MIB, VOLUME, Container, Pod

NAME = "report-2026-11.csv"
FILL: dict[str, Any] = {
    "kind": "fill",
    "directory": str(VOLUME),
    "name": NAME,
    "free_percent": 40,
}
SIZE = ROOM_MIB * MIB
EXT4 = (
    'truncate -s 96M "{image}" && mkfs.ext4 -q "{image}" && mount -o loop "{image}" "$2/mnt"'
    ' && rmdir "$2/mnt/lost+found"'
)


def free(container: Container) -> int:
    """Give how many bytes users may still write."""
    found = os.statvfs(container.path(VOLUME))
    return found.f_bavail * found.f_frsize


def names(container: Container) -> list[str]:
    return names_in(container.path(VOLUME))


def names_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def soon(true: Callable[[], bool]) -> bool:
    """Wait a second at most until it is so."""
    ends = time.monotonic() + 1
    while not true() and time.monotonic() < ends:
        pass
    return true()


async def test_the_share_that_is_asked_for_is_left_and_it_is_empty_afterwards(pod: Pod) -> None:
    container = pod.start()
    before = free(container)
    async with standing(order_for(pod, FILL)) as fault:
        assert free(container) == pytest.approx(0.4 * SIZE, abs=MIB)
        status = container.path(VOLUME / NAME).stat()
        assert status.st_size == pytest.approx(0.6 * SIZE, abs=MIB)
        owner = container.path(VOLUME).stat()
        assert (status.st_uid, status.st_gid) == (owner.st_uid, owner.st_gid)
        result = await fault.ended()
    assert free(container) == before
    assert names(container) == []
    assert result.end is End.STOPPED
    assert result.realised == {
        "filled_bytes": status.st_size,
        "free_bytes": pytest.approx(0.4 * SIZE, abs=MIB),
        "free_percent": pytest.approx(40, abs=1),
    }


async def test_a_real_disk_is_filled_alike(pod: Pod, tmp_path: Path) -> None:
    if shutil.which("mkfs.ext4") is None or not os.access("/dev/loop-control", os.W_OK):
        pytest.skip("no ext4 in a file can be mounted here")
    container = pod.start(mount=EXT4.format(image=tmp_path / "disk"))
    before, found = free(container), os.statvfs(container.path(VOLUME))
    async with standing(order_for(pod, {**FILL, "free_percent": 45})):
        left = 0.45 * found.f_blocks * found.f_frsize
        assert free(container) == pytest.approx(left, abs=MIB)
        container.path(VOLUME / NAME).unlink()
        assert await asyncio.to_thread(soon, lambda: free(container) == before)
    assert names(container) == []


async def test_never_less_than_the_floor_is_left(pod: Pod) -> None:
    container = pod.start()
    async with standing(order_for(pod, {**FILL, "free_percent": 1})) as fault:
        assert free(container) == pytest.approx(FLOOR, abs=MIB)
        # Others write: what fills the disk gives way.
        container.path(VOLUME / "work").write_bytes(bytes(8 * MIB))
        assert await asyncio.to_thread(soon, lambda: free(container) >= FLOOR)
        await fault.ended()
    assert names(container) == ["work"]


@pytest.mark.parametrize("taken_away", [Path.unlink, lambda path: os.truncate(path, 0)])
async def test_who_removes_or_empties_the_file_has_repaired_it(
    pod: Pod, taken_away: Callable[[Path], None]
) -> None:
    container = pod.start()
    before = free(container)
    async with standing(order_for(pod, FILL)) as fault:
        taken_away(container.path(VOLUME / NAME))
        result = await fault.task
    assert result.end is End.REPAIRED
    assert free(container) == before
    assert names(container) == []


async def test_it_goes_on_without_the_container_and_ends_by_its_own_clock(pod: Pod) -> None:
    container = pod.start()
    volume = os.open(container.path(VOLUME), os.O_RDONLY)
    there = Path(f"/proc/self/fd/{volume}")  # when the container is gone, too
    order = order_for(pod, FILL, seconds=4)
    async with standing(order) as fault:
        os.kill(container.pid, 9)
        pod.pause.kill()
        await asyncio.to_thread(container.process.wait)
        assert names_in(there) == [NAME]
        assert (await fault.task).end is End.EXPIRED
    assert names_in(there) == []
    os.close(volume)


async def test_killed_the_kernel_gives_the_space_back(pod: Pod) -> None:
    container = pod.start()
    before = free(container)
    order = order_for(pod, FILL)
    with begun_elsewhere(order):
        assert free(container) < before
    assert free(container) == before
    # What is left takes nothing, whoever comes next may have it, or removes it.
    assert names(container) == [NAME]
    async with standing(order):
        assert free(container) == pytest.approx(0.4 * SIZE, abs=MIB)
    container.path(VOLUME / NAME).touch()
    take_back(order.fault, order.pod_uid)
    take_back(order.fault, order.pod_uid)
    assert names(container) == []


async def test_cancelled_it_is_empty_when_that_returns(pod: Pod) -> None:
    container = pod.start()
    before = free(container)
    async with standing(order_for(pod, FILL)) as fault:
        fault.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fault.task
        assert free(container) == before
        assert names(container) == []


async def test_another_one_meanwhile_is_refused_and_the_first_goes_on(pod: Pod) -> None:
    container = pod.start()
    async with standing(order_for(pod, FILL)) as fault:
        with pytest.raises(RefusedError) as refused:
            await run_in_container(order_for(pod, FILL), node_root=MACHINE)
        assert refused.value.code is Refusal.BUSY
        assert names(container) == [NAME]
        assert (await fault.ended()).end is End.STOPPED


def a_file_of_that_name(container: Container) -> None:
    container.path(VOLUME / NAME).write_bytes(b"2026;11;12.50\n")


def a_link_of_that_name(container: Container) -> None:
    container.path(VOLUME / NAME).symlink_to("/etc/passwd")


def hardly_any_room(container: Container) -> None:
    container.path(VOLUME / "work").write_bytes(bytes(free(container) - FLOOR))


def nothing(_: Container) -> None:
    """Leave it as it is."""


@pytest.mark.parametrize(
    ("prepare", "stated", "code"),
    [
        (a_file_of_that_name, {}, Refusal.BUSY),
        (a_link_of_that_name, {}, Refusal.BUSY),
        (hardly_any_room, {}, Refusal.NO_ROOM),
        (nothing, {"directory": "/var/lib"}, Refusal.HOST_DISK),
        (nothing, {"directory": "/mnt/nothing"}, Refusal.NO_DIRECTORY),
        (nothing, {"directory": "/sys"}, Refusal.KERNEL),
        (nothing, {"container": "other"}, Refusal.NO_PROCESS),
    ],
)
async def test_what_is_refused_is_left_as_it_was(
    pod: Pod, prepare: Callable[[Container], None], stated: dict[str, Any], code: Refusal
) -> None:
    container = pod.start()
    prepare(container)
    before = free(container), names(container)
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, {**FILL, **stated}), node_root=MACHINE)
    assert refused.value.code is code
    assert (free(container), names(container)) == before


async def test_a_large_file_system_is_somebodys_real_disk(pod: Pod) -> None:
    pod.start(mount='mount -t tmpfs -o size=9g none "$2/mnt"')
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, FILL), node_root=MACHINE)
    assert refused.value.code is Refusal.NO_ROOM


async def test_where_the_nodes_files_cannot_be_seen_nothing_is_done(
    pod: Pod, tmp_path: Path
) -> None:
    container = pod.start()
    with pytest.raises(RefusedError) as refused:
        await run_in_container(order_for(pod, FILL), node_root=tmp_path / "nothing")
    assert refused.value.code is Refusal.HOST_DISK
    assert names(container) == []


async def test_a_file_of_somebody_is_never_removed(pod: Pod) -> None:
    container = pod.start()
    a_file_of_that_name(container)
    with pytest.raises(RefusedError) as refused:
        take_back(order_for(pod, FILL).fault, pod.uid)
    assert refused.value.code is Refusal.BUSY
    assert names(container) == [NAME]


def test_a_full_disk_says_so_to_the_application(pod: Pod) -> None:
    """What the floor is for: the room that is left is room that may be used."""
    container = pod.start()

    async def written() -> int:
        async with standing(order_for(pod, {**FILL, "free_percent": 1})):
            try:
                container.path(VOLUME / "work").write_bytes(bytes(FLOOR + MIB))
            except OSError as error:
                return error.errno or 0
            return 0

    assert asyncio.run(written()) == errno.ENOSPC
