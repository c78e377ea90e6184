"""The two conversations with the kernel: about the rule, and about the packets it sends us."""

import contextlib
import errno
import os
import socket
import time
from pathlib import Path
from typing import Final

from ooda.injector.node.core import netlink, packet_queue, rules
from ooda.injector.node.core.judges import Verdicts
from ooda.injector.node.core.matching import Matching
from ooda.injector.node.orders import Refusal
from ooda.injector.node.refusing import RefusedError

QUEUE: Final = 0
LONGEST: Final = 32_768
_NETFILTER: Final = 12  # NETLINK_NETFILTER
_SOL_NETLINK, _NO_ENOBUFS = 270, 5
_RECEIVE_BUFFER: Final = 16 << 20
_FORCED_BUFFER: Final = 33  # SO_RCVBUFFORCE
_DATAGRAM: Final = 65_536
_STAMPS: Final = 35  # SO_TIMESTAMPNS
_LONGEST_WAIT_NS: Final = 1_000_000_000
_STATISTICS = Path("/proc/self/net/netfilter/nfnetlink_queue")


def _open() -> socket.socket:
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    except OSError as error:
        raise RefusedError(
            Refusal.KERNEL, f"the kernel has no netfilter: {error.strerror}"
        ) from error
    opened.bind((0, 0))
    return opened


class KernelError(Exception):
    """The kernel refused; `number` is its errno."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


def _ask(asked: socket.socket, request: bytes, answers: int) -> None:
    """Send and await every answer. Raises KernelError with the first that is no success."""
    asked.send(request)
    pending, failed = answers, 0
    while pending > 0:
        for answer in netlink.answers(asked.recv(_DATAGRAM)):
            pending -= 1
            failed = failed or answer.error
        if failed:
            # A transaction that failed gives one answer for each step that failed, none for others.
            with contextlib.suppress(BlockingIOError):
                while asked.recv(_DATAGRAM, socket.MSG_DONTWAIT):
                    pass
            raise KernelError(failed)


class Rule:
    """The table of this process in the namespace it is in; it goes when this process does."""

    def __init__(self) -> None:
        self._socket = _open()
        self._sequence = 0

    def install(self, directions: list[Matching]) -> None:
        """Make it, disarmed. Raises RefusedError."""
        try:
            self._do(rules.install(QUEUE, directions, self._next()))
        except KernelError as error:
            raise _refusal(error) from error

    def arm(self) -> None:
        """Let it match for the time to live."""
        self._do(rules.arm(self._next()))

    def rearm(self) -> bool:
        """Let it match on; False if it had stopped meanwhile, and now matches again."""
        try:
            self._do(rules.rearm(self._next()))
        except KernelError as error:
            if error.number != errno.ENOENT:
                raise
            self.arm()
            return False
        return True

    def disarm(self) -> bool:
        """Let it match no more; False if it had stopped before."""
        try:
            self._do(rules.disarm(self._next()))
        except KernelError as error:
            if error.number != errno.ENOENT:
                raise
            return False
        return True

    def remove(self) -> None:
        """Take it away."""
        self._do(rules.remove(self._next()))
        self._socket.close()

    def _do(self, request: rules.Request) -> None:
        _ask(self._socket, request.content, request.answers)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence


class Packets:
    """The queue of the namespace; one process can have it."""

    def __init__(self, *, whole: bool, head: int = 0) -> None:
        """Take it, to be given the first `head` bytes of each packet. Raises RefusedError."""
        self._socket = _open()
        self._socket.setsockopt(socket.SOL_SOCKET, _FORCED_BUFFER, _RECEIVE_BUFFER)
        self._socket.setsockopt(_SOL_NETLINK, _NO_ENOBUFS, 1)
        # While one socket asks for them, the kernel notes when packets come.
        self._stamping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._stamping.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)
        self._newest = 0
        self._reads = head > 0
        try:
            _ask(self._socket, packet_queue.bind(QUEUE, 1), 1)
            configured = packet_queue.configure(QUEUE, 2, longest=LONGEST, whole=whole, head=head)
            _ask(self._socket, configured, 1)
        except KernelError as error:
            raise _refusal(error) from error

    def fileno(self) -> int:
        """Give the descriptor to wait on."""
        return self._socket.fileno()

    def take(self, at_most: int) -> tuple[list[int], list[int], list[bytes]]:
        """Give the packets that have come, in their order, and when, by the monotonic clock.

        And what each of them begins with, if that was asked for.
        """
        taken: list[int] = []
        times: list[int] = []
        heads: list[bytes] = []
        while len(taken) < at_most:
            try:
                datagram = self._socket.recv(_DATAGRAM, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            found = packet_queue.packets(datagram)
            taken += found
            times += [self._came(datagram)] * len(found)
            if self._reads:
                heads += packet_queue.heads(datagram)
        return taken, times, heads

    def _came(self, datagram: bytes) -> int:
        """Say when a packet came: now, unless the kernel knows that it has waited for us."""
        now = time.monotonic_ns()
        stamp = packet_queue.stamp(datagram)
        waited = 0 if stamp is None else time.time_ns() - stamp
        # The wall clock may have been set meanwhile, and time never goes back here.
        came = now - waited if 0 <= waited < _LONGEST_WAIT_NS else now
        self._newest = max(self._newest, came)
        return self._newest

    def carry_out(self, verdicts: Verdicts) -> None:
        """Tell the kernel what becomes of packets."""
        if verdicts.drop:
            self._socket.send(packet_queue.drop(QUEUE, verdicts.drop))
        if verdicts.change:
            self._socket.send(packet_queue.change(QUEUE, verdicts.change))
        if verdicts.pass_through is not None:
            self._socket.send(packet_queue.pass_through(QUEUE, verdicts.pass_through))

    def numbered(self) -> int:
        """Give how many packets the kernel has numbered for us."""
        for line in _STATISTICS.read_text().splitlines():
            fields = line.split()
            if int(fields[0]) == QUEUE:
                return int(fields[7])
        return 0

    def close(self) -> None:
        """Give the queue back; what still waits in it is lost."""
        self._socket.close()
        self._stamping.close()


def _refusal(error: KernelError) -> RefusedError:
    if error.number in {errno.EBUSY, errno.EEXIST, errno.EPERM}:
        return RefusedError(Refusal.BUSY, f"another fault is in force in this sandbox ({error})")
    return RefusedError(Refusal.KERNEL, f"the kernel cannot do this: {error}")
