"""A train of numbered datagrams between two places, with the times at which it left and came in."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from servers.sandboxes import Place, ipv6

_STAMP: Final = 35  # SO_TIMESTAMPNS: the kernel says when it came in
_FORCED_BUFFER: Final = 33  # SO_RCVBUFFORCE
_TIME = struct.Struct("=qq")


@dataclass(frozen=True)
class Arrived:
    """One datagram; times in nanoseconds of the wall clock."""

    number: int
    sent: int
    came: int

    @property
    def took_ms(self) -> float:
        return (self.came - self.sent) / 1e6


class Train:
    """Datagrams from one place to a port of another."""

    def __init__(self, sending: socket.socket, receiving: socket.socket) -> None:
        self._sending = sending
        self._receiving = receiving
        self._number = 0
        self._arrived: list[Arrived] = []

    def send(self, count: int, *, every_ms: float = 0.2) -> None:
        """Send so many, evenly."""
        begun = time.monotonic()
        for index in range(count):
            pause = begun + index * every_ms / 1000 - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self._sending.send(struct.pack("=Qq", self._number, time.time_ns()))
            self._number += 1

    def arrived(self, *, within: float = 0) -> list[Arrived]:
        """Give those that came so far; waits for one more for at most `within` seconds."""
        self._receiving.settimeout(within)
        while True:
            try:
                content, told, _, _ = self._receiving.recvmsg(64, 64)
            except (BlockingIOError, TimeoutError):
                return self._arrived
            number, sent = struct.unpack("=Qq", content)
            seconds, nanoseconds = _TIME.unpack(told[0][2])
            self._arrived.append(Arrived(number, sent, seconds * 10**9 + nanoseconds))
            self._receiving.settimeout(0)

    def passes(self) -> bool:
        """Say whether one sent now comes in within 50 ms."""
        before = len(self.arrived())
        self.send(1)
        return len(self.arrived(within=0.05)) > before


@contextlib.contextmanager
def train(
    source: Place, destination: Place, *, port: int = 9000, own_port: int = 0, v6: bool = False
) -> Iterator[Train]:
    """Give a train of datagrams, to be sent and counted."""
    family = socket.AF_INET6 if v6 else socket.AF_INET
    address = ipv6(destination) if v6 else destination.address
    with (
        destination.socket(socket.SOCK_DGRAM, family) as receiving,
        source.socket(socket.SOCK_DGRAM, family) as sending,
    ):
        receiving.setsockopt(socket.SOL_SOCKET, _FORCED_BUFFER, 64 << 20)
        receiving.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
        receiving.bind((address, port))
        if own_port:
            sending.bind((ipv6(source) if v6 else source.address, own_port))
        sending.connect((address, port))
        yield Train(sending, receiving)
