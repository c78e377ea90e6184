"""The processes of a pod, as the node numbers them, and the files that they see."""

import ctypes
import errno
import os
import select
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Self

from ooda.injector.node.core.cgroups import belongs_to
from ooda.injector.node.core.processes import in_container, is_being_made, is_first
from ooda.injector.node.orders import Refusal
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.sandboxes import PROCESSES

LOOK_AGAIN: Final = 0.2
"""Seconds. No event tells of a new process; a look for one takes some milliseconds."""
_OPENAT2: Final = 437  # the number of the system call, the same on x86-64 and arm64
_IN_ROOT: Final = 0x10  # RESOLVE_IN_ROOT
_NO_MAGIC_LINKS: Final = 0x02  # RESOLVE_NO_MAGICLINKS
_DEATH_MS: Final = 5000
"""How long a killed process may take to be gone: it may have much memory to give back."""
_ENDED: Final = {errno.ENOENT, errno.ESRCH, errno.EINVAL}
"""What reading about a process gives when it has ended; the last one, when nobody waited for it."""


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


@dataclass(frozen=True, slots=True)
class MainProcess:
    """The main process of a container: it stays this one if its pid is used again."""

    pid: int
    descriptor: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def kill(self) -> bool:
        """Kill it, and with it all of its container, and wait for that; False if it was gone."""
        try:
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)
        except ProcessLookupError:
            return False
        ended = select.poll()
        ended.register(self.descriptor, select.POLLIN)
        ended.poll(_DEATH_MS)
        return True

    def open_directory(self, path: PurePosixPath) -> int:
        """Open a directory as the container sees it: no link leads out of its root.

        Raises OSError.
        """
        root = os.open(PROCESSES / str(self.pid) / "root", os.O_PATH | os.O_CLOEXEC)
        try:
            signal.pidfd_send_signal(self.descriptor, 0)  # that root was this process's
            return _open_in_root(root, path)
        finally:
            os.close(root)

    def same_monotonic_clock(self) -> bool:
        """Say whether its monotonic clock is this process's, which a time namespace may shift."""
        theirs, ours = (PROCESSES / each / "ns" / "time" for each in (str(self.pid), "self"))
        if not ours.exists():
            return True  # this kernel has no such namespaces
        return os.path.samestat(theirs.stat(), ours.stat())


def main_process(pod_uid: str, container: str) -> MainProcess | None:
    """Find the main process of a container of a pod; None if there is none now.

    It is the first of its own pid namespace: in a pod that shares one, none is found.
    """
    for pid in _pids():
        if not _is_main(pid, pod_uid, container):
            continue
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if _is_main(pid, pod_uid, container):  # the pid was not used again meanwhile
            return MainProcess(pid, descriptor)
        os.close(descriptor)
    return None


def wanted_process(pod_uid: str, container: str) -> MainProcess:
    """Find the main process of a container. Raises RefusedError if there is none now."""
    found = main_process(pod_uid, container)
    if found is None:
        raise RefusedError(
            Refusal.NO_PROCESS,
            f"container {container} of pod {pod_uid} has no main process of its own here",
        )
    return found


def _pids() -> Iterator[int]:
    return (int(each.name) for each in PROCESSES.iterdir() if each.name.isdecimal())


def _is_main(pid: int, pod_uid: str, container: str) -> bool:
    of_process = PROCESSES / str(pid)
    try:
        if not belongs_to((of_process / "cgroup").read_text(), pod_uid):
            return False
        status = (of_process / "status").read_text()
        if not is_first(status) or is_being_made(status):
            return False
        return in_container((of_process / "mountinfo").read_text(), pod_uid, container)
    except OSError as error:
        if error.errno not in _ENDED:
            raise
        return False


def _open_in_root(root: int, path: PurePosixPath) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    how = _How(os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0, _IN_ROOT | _NO_MAGIC_LINKS)
    opened: int = libc.syscall(
        _OPENAT2, root, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how)
    )
    if opened < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    return opened
