"""A clock that is off: sixteen bytes in a file that the container's processes have mapped.

The end is one of those bytes, so it comes exactly then with nobody running.
"""

import os
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ooda.common.container_faults import ClockSkew
from ooda.injector.node.means.containers import MainProcess, wanted_process
from ooda.injector.node.means.term import Term
from ooda.injector.node.orders import End, Refusal
from ooda.injector.node.refusing import RefusedError

_SECOND: Final = 1_000_000_000
_NUMBER: Final = struct.Struct("=q")
_SIZE: Final = 2 * _NUMBER.size
_OFFSET_AT: Final = 0
_END_AT: Final = _NUMBER.size


@dataclass(frozen=True, slots=True)
class _SkewFile:
    """The open file; each number is written whole, and the end decides whether it counts."""

    descriptor: int

    def read(self) -> tuple[int, int]:
        """Give the offset and the end, in nanoseconds."""
        content = os.pread(self.descriptor, _SIZE, 0)
        (offset,), (end,) = _NUMBER.iter_unpack(content)
        return offset, end

    def arm(self, offset: int, end: int) -> None:
        """Let clocks be off until then."""
        self.disarm()
        os.pwrite(self.descriptor, _NUMBER.pack(offset), _OFFSET_AT)
        os.pwrite(self.descriptor, _NUMBER.pack(end), _END_AT)

    def disarm(self) -> None:
        """Let clocks be right, and leave the file as it was in the beginning."""
        os.pwrite(self.descriptor, _NUMBER.pack(0), _END_AT)
        os.pwrite(self.descriptor, _NUMBER.pack(0), _OFFSET_AT)


async def skew_clock(
    fault: ClockSkew, pod_uid: str, term: Term, armed: Callable[[], None]
) -> tuple[End, Mapping[str, float]]:
    """Let the clock be off until the term ends. Raises RefusedError."""
    offset = round(fault.offset_seconds * _SECOND)
    ends = round(term.ends * _SECOND)
    with wanted_process(pod_uid, fault.container) as process:
        file = _open(process, fault)
    try:
        # The same offset is this very fault, of a process that is gone.
        there, until = file.read()
        if until > time.monotonic_ns() and there != offset:
            raise RefusedError(Refusal.BUSY, f"the clock is off already, by {there / _SECOND} s")
        try:
            file.arm(offset, ends)
            armed()
            end = await term.over()
        finally:
            file.disarm()
    finally:
        os.close(file.descriptor)
    return end or End.EXPIRED, {"offset_seconds": offset / _SECOND}


def set_clock_right(fault: ClockSkew, pod_uid: str) -> None:
    """Take back what a process that is gone may have left. Raises RefusedError if it cannot."""
    with wanted_process(pod_uid, fault.container) as process:
        file = _open(process, fault)
    try:
        file.disarm()
    finally:
        os.close(file.descriptor)


def _open(process: MainProcess, fault: ClockSkew) -> _SkewFile:
    if not process.same_monotonic_clock():
        raise RefusedError(Refusal.NO_CLOCK_FILE, "the container has a monotonic clock of its own")
    try:
        directory = process.open_directory(fault.file.parent)
        try:
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(fault.file.name, flags, dir_fd=directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise RefusedError(
            Refusal.NO_CLOCK_FILE, f"{fault.file} cannot be opened: {error.strerror}"
        ) from error
    if os.fstat(descriptor).st_size != _SIZE:
        os.close(descriptor)
        raise RefusedError(Refusal.NO_CLOCK_FILE, f"{fault.file} is not {_SIZE} bytes long")
    return _SkewFile(descriptor)
