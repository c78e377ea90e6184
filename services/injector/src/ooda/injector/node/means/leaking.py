"""The process of one leak: in the container's cgroup, it has the memory, and ends by its own clock.

The memory is a file without a name that nobody maps, so it is counted for the cgroup, and for no
process. This one ends with the container's main process, with whoever started it, and when its time
is over; so does the leak.

Whenever it has more it says on its standard output how many bytes; the first time when it is in.
"""

import ctypes
import errno
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

from ooda.injector.node.core.memory import FLOOR, node_memory

_SET_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG
_CGROUP: Final = 0x02000000  # CLONE_NEWCGROUP
_NODE: Final = Path("/proc/1/ns/cgroup")
_NODE_MEMORY: Final = Path("/proc/meminfo")
_LOOK_AGAIN: Final = 0.5
"""Seconds between two looks at whether the node has enough, when nothing more is taken."""
_PART: Final = bytes(1 << 20)


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it has gone before it was heeded
        sys.exit(1)


def _enter(cgroup: Path) -> None:
    if (cgroup / "memory.max").exists():
        _see_all_of_the_node()
    (cgroup / "cgroup.procs").write_text("0")


def _see_all_of_the_node() -> None:
    """Enter the node's namespace: with version 2, who does not see a cgroup cannot move there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with _NODE.open() as namespace:
        if libc.setns(namespace.fileno(), _CGROUP) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(_NODE))


def _leak(main: int, most: int, per_second: int) -> None:
    """Take the memory, and keep it until the main process has ended, or the node needs it."""
    memory, taken, pause = os.memfd_create("leak"), 0, len(_PART) / per_second
    _say(taken)
    while not select.select([main], [], [], pause if taken < most else _LOOK_AGAIN)[0]:
        if node_memory(_NODE_MEMORY.read_text()).available < FLOOR:
            sys.exit("the node has hardly any memory left: all is given back")
        before = taken
        taken += _take(memory, min(len(_PART), most - taken))
        if taken != before:
            _say(taken)


def _take(memory: int, wanted: int) -> int:
    """Take so many bytes, or what there is: nobody may be left to be killed for more."""
    try:
        return os.write(memory, _PART[:wanted])
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        return 0


def _say(taken: int) -> None:
    sys.stdout.write(f"{taken}\n")
    sys.stdout.flush()


def main() -> None:
    """Leak as the arguments say."""
    parent, process, most, per_second = map(int, sys.argv[1:5])
    left = float(sys.argv[5]) - time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))  # the kernel ends it then
    _end_with(parent)
    _enter(Path(sys.argv[6]))
    _leak(process, most, per_second)


if __name__ == "__main__":
    main()
