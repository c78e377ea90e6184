"""A server of names in a place, which answers at once, and who asks it."""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from servers.sandboxes import Place, ipv6

_FOUND = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 5, 4, 10, 96, 0, 1)
_PATIENCE = 1.0
"""Seconds in which an answer comes, if one does."""


@contextlib.contextmanager
def naming(
    place: Place, *, v6: bool = False, only: Collection[str] | None = None
) -> Iterator[None]:
    """Answer in a place for as long as the block lasts; it knows every name unless told `only`."""
    known = None if only is None else {_wire(each) for each in only}
    ending, told = socket.socketpair()
    with ending, told, place.socket(socket.SOCK_DGRAM, _family(v6=v6)) as serving:
        serving.bind((_address(place, v6=v6), 53))

        def serve() -> None:
            while True:
                ready, _, _ = select.select([serving, told], [], [])
                if told in ready:
                    return
                asked, peer = serving.recvfrom(512)
                found = known is None or asked[12:-4].lower() in known
                flags, records = (0x8180, 1) if found else (0x8183, 0)
                header = asked[:2] + struct.pack("!5H", flags, 1, records, 0, 0)
                serving.sendto(header + asked[12:] + _FOUND * records, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            ending.send(b".")
            thread.join()


@dataclass(frozen=True)
class Answer:
    """What a place was told about a name."""

    code: int
    records: int


FOUND, NXDOMAIN, SERVFAIL = Answer(0, 1), Answer(3, 0), Answer(2, 0)


def told(place: Place, server: Place, name: str, *, v6: bool = False) -> Answer | None:
    """Look a name up from a place; None if no answer comes, as the socket sees it."""
    header = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0)
    question = header + _wire(name) + struct.pack("!HH", 1, 1)
    with place.socket(socket.SOCK_DGRAM, _family(v6=v6)) as asking:
        asking.settimeout(_PATIENCE)
        asking.connect((_address(server, v6=v6), 53))
        asking.send(question)
        try:
            said = asking.recv(512)
        except TimeoutError:
            return None
    number, flags, _, *records = struct.unpack_from("!6H", said)
    assert number == 4711
    assert said[12 : len(question)] == question[12:]
    return Answer(flags & 0xF, sum(records))


def _wire(name: str) -> bytes:
    return b"".join(bytes([len(each)]) + each.encode() for each in name.split(".")) + b"\0"


def _family(*, v6: bool) -> int:
    return socket.AF_INET6 if v6 else socket.AF_INET


def _address(place: Place, *, v6: bool) -> str:
    return ipv6(place) if v6 else place.address
