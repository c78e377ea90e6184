"""A full disk that is empty again at once when nobody holds it.

Two files: one without a name takes the space, and the kernel gives that back when this process is
gone, however it went. The other one has the name and the length, but takes nothing: whoever removes
it, such as the application's own clean-up, is noticed, and the space is given back.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ooda.common.container_faults import Fill
from ooda.injector.node.core.room import LARGEST, MIB, Room, to_give_back, to_take
from ooda.injector.node.means.changes import heeding_changes
from ooda.injector.node.means.containers import wanted_process
from ooda.injector.node.means.term import Term
from ooda.injector.node.orders import End, Refusal
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.sandboxes import PROCESSES

NODE_ROOT: Final = PROCESSES / "1" / "root"
"""The files of the node, as a pod sees them that shares the node's processes."""

_OF_THE_NODE: Final = (
    *("", "boot", "etc/hosts", "root", "run", "tmp", "usr", "var", "var/log"),
    *("var/lib", "var/lib/containerd", "var/lib/docker", "var/lib/etcd"),
)
"""What the node itself needs; `etc/hosts` is where a node in a container shows its host's disk."""

_AT_ONCE: Final = 64 * MIB
"""Bytes: some milliseconds of a disk's time, in which nothing else is done here."""
_LOOK_AGAIN: Final = 0.5
"""Seconds between two looks at whether others still have room."""


@dataclass(slots=True)
class _Load:
    """The file without a name, of `taken` bytes."""

    descriptor: int
    taken: int = 0

    def room(self) -> Room:
        """Look at the file system."""
        return _room_of(self.descriptor)

    async def grow(self, wanted: int, term: Term) -> None:
        """Take so many bytes, a part at a time, or what there is, or until the term ends."""
        while (part := min(_AT_ONCE, wanted - self.taken)) > 0:
            try:
                os.posix_fallocate(self.descriptor, self.taken, part)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                os.ftruncate(self.descriptor, self.taken)  # the part may be there in part
                return
            self.taken += part
            if await term.over(within=0) is not None:
                return

    def shrink(self, by: int) -> None:
        """Give bytes back."""
        if by > 0:
            self.taken -= by
            os.ftruncate(self.descriptor, self.taken)


async def fill_disk(
    fault: Fill, pod_uid: str, term: Term, armed: Callable[[], None], node_root: Path
) -> tuple[End, Mapping[str, float]]:
    """Let the file system be full until the term ends or the file is removed.

    `node_root` is where the node's own files are shown. Raises RefusedError.
    """
    with (
        _directory(fault, pod_uid) as directory,
        _load(directory, node_root) as load,
        _sign(directory, fault.name) as sign,
    ):
        wanted = to_take(load.room(), fault.free_percent)
        if wanted == 0:
            raise RefusedError(
                Refusal.NO_ROOM, f"there is no more than {load.room().free} bytes free already"
            )
        await load.grow(wanted, term)
        load.shrink(to_give_back(load.room(), load.taken))
        os.ftruncate(sign, load.taken)
        room, most = load.room(), load.taken
        with heeding_changes(sign, lambda: _end_if_taken_away(sign, term)):
            armed()
            while (end := await term.over(within=_LOOK_AGAIN)) is None:
                load.shrink(to_give_back(load.room(), load.taken))
    realised = {
        "filled_bytes": most,
        "free_bytes": room.free,
        "free_percent": room.free_percent,
    }
    return end, realised


def empty_disk(fault: Fill, pod_uid: str) -> None:
    """Remove the file that a process that is gone may have left. Raises RefusedError."""
    with _directory(fault, pod_uid) as directory:
        _remove_sign(directory, fault.name)


@contextlib.contextmanager
def _directory(fault: Fill, pod_uid: str) -> Iterator[int]:
    with wanted_process(pod_uid, fault.container) as process:
        try:
            descriptor = process.open_directory(fault.directory)
        except OSError as error:
            raise RefusedError(
                Refusal.NO_DIRECTORY, f"{fault.directory} cannot be opened: {error.strerror}"
            ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _load(directory: int, node_root: Path) -> Iterator[_Load]:
    """Give the empty file without a name, on a file system that may be filled."""
    if os.fstat(directory).st_dev in _devices_of(node_root):
        raise RefusedError(
            Refusal.HOST_DISK, "the directory is on a disk of the node itself: all would be hit"
        )
    size = _room_of(directory).size
    if size > LARGEST:
        raise RefusedError(
            Refusal.NO_ROOM, f"the file system has {size} bytes, {LARGEST} at most are filled"
        )
    try:
        flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
        descriptor = os.open(".", flags, mode=0o600, dir_fd=directory)
    except OSError as error:
        raise RefusedError(
            Refusal.KERNEL, f"the file system has no files without a name: {error.strerror}"
        ) from error
    try:
        yield _Load(descriptor)
    finally:
        os.close(descriptor)


def _room_of(descriptor: int) -> Room:
    found = os.fstatvfs(descriptor)
    return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def _devices_of(node_root: Path) -> set[int]:
    """Give the devices of what the node needs. Raises RefusedError if they cannot be seen."""
    found = set()
    for each in _OF_THE_NODE:
        try:
            found.add((node_root / each).stat().st_dev)
        except OSError as error:
            if not each or error.errno != errno.ENOENT:
                raise RefusedError(
                    Refusal.HOST_DISK,
                    f"the node's own files cannot be seen: {node_root / each}: {error.strerror}",
                ) from error
    return found


@contextlib.contextmanager
def _sign(directory: int, name: str) -> Iterator[int]:
    """Give the empty file that has the name, and is its directory's owner's."""
    _remove_sign(directory, name)
    try:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, mode=0o644, dir_fd=directory)
    except OSError as error:
        raise RefusedError(
            Refusal.NO_DIRECTORY, f"no file {name} can be made: {error.strerror}"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # says that this process lives
        owner = os.fstat(directory)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
        yield descriptor
    finally:
        if os.fstat(descriptor).st_nlink > 0:
            os.unlink(name, dir_fd=directory)
        os.close(descriptor)


def _remove_sign(directory: int, name: str) -> None:
    """Remove what a process that is gone has left.

    Raises RefusedError if it is somebody's file, with contents, or of a process that lives.
    """
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _busy(name) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_blocks > 0:
            raise _busy(name)
        os.unlink(name, dir_fd=directory)
    except BlockingIOError as error:
        raise _busy(name) from error
    finally:
        os.close(descriptor)


def _busy(name: str) -> RefusedError:
    return RefusedError(Refusal.BUSY, f"there is a file {name} already")


def _end_if_taken_away(sign: int, term: Term) -> None:
    """End the term if the file was removed or emptied."""
    found = os.fstat(sign)
    if found.st_nlink == 0 or found.st_size == 0:
        term.end(End.REPAIRED)
