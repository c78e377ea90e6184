"""The messages of a queue of packets in the kernel (linux/netfilter/nfnetlink_queue.h).

A packet that a rule sends here waits in the kernel until a verdict names it. Its number comes to
us, and its content only as far as it is asked for.
"""

import struct
from collections.abc import Iterable, Iterator

from ooda.injector.node.core import netlink

_SUBSYSTEM = 3 << 8
_PACKET, _VERDICT, _CONFIG, _VERDICT_BATCH = (_SUBSYSTEM | kind for kind in range(4))
_PACKET_HEADER = 1
_VERDICT_HEADER = 2
_COMMAND, _PARAMETERS, _LONGEST, _MASK, _FLAGS = range(1, 6)
_BIND = 1
_COPY_META, _COPY_PACKET = 1, 2
_FAIL_OPEN = 1 << 0
_WHOLE = 1 << 2
_DROP, _ACCEPT = 0, 1
_ID_AT = 8  # in a message's body: family header, then the attribute whose value begins with the id
_ID = struct.Struct("!I")
_TIMESTAMP = 4
_PAYLOAD = 10
_STAMP = struct.Struct("!QQ")


def bind(queue: int, sequence: int) -> bytes:
    """Ask for the queue; the kernel refuses (EBUSY) while another process has it."""
    body = netlink.attribute(_COMMAND, struct.pack("!BBH", _BIND, 0, 0))
    return netlink.message(_CONFIG, netlink.ACK, sequence, body, resource=queue)


def configure(queue: int, sequence: int, *, longest: int, whole: bool, head: int = 0) -> bytes:
    """Say how packets come: with `head` bytes of content; what does not fit passes (fail-open).

    `whole` keeps together what the network card would cut into packets; without it each packet of
    the wire is judged by itself.
    """
    flags = _FAIL_OPEN | (_WHOLE if whole else 0)
    body = (
        netlink.attribute(
            _PARAMETERS, struct.pack("!IB", head, _COPY_PACKET if head else _COPY_META)
        )
        + netlink.number(_LONGEST, longest)
        + netlink.number(_MASK, _FAIL_OPEN | _WHOLE)
        + netlink.number(_FLAGS, flags)
    )
    return netlink.message(_CONFIG, netlink.ACK, sequence, body, resource=queue)


def packets(datagram: bytes) -> list[int]:
    """Give the numbers of the packets that a datagram announces, in their order."""
    return [_ID.unpack_from(body, _ID_AT)[0] for body in _announced(datagram)]


def heads(datagram: bytes) -> list[bytes]:
    """Give what each of these packets begins with; nothing if that was not asked for."""
    at = _ID_AT - netlink.HEADER
    return [
        next((value for kind, value in netlink.attributes(body[at:]) if kind == _PAYLOAD), b"")
        for body in _announced(datagram)
    ]


def _announced(datagram: bytes) -> Iterator[bytes]:
    for kind, _, body in netlink.messages(datagram):
        if kind == _PACKET and len(body) >= _ID_AT + _ID.size:
            yield body


def stamp(datagram: bytes) -> int | None:
    """Give when the packet of a datagram came in, in nanoseconds of the wall clock, if it says so.

    It does for what comes in, while anybody on the machine asked for such times.
    """
    at = _ID_AT - netlink.HEADER
    for _, _, body in netlink.messages(datagram):
        for kind, value in netlink.attributes(body[at:]):
            if kind == _TIMESTAMP and len(value) == _STAMP.size:
                seconds, microseconds = _STAMP.unpack(value)
                return int(seconds * 1_000_000_000 + microseconds * 1000)
    return None


def drop(queue: int, ids: Iterable[int]) -> bytes:
    """Let these packets be lost; nobody is told, as on a wire."""
    return b"".join(
        netlink.message(
            _VERDICT,
            0,
            0,
            netlink.attribute(_VERDICT_HEADER, struct.pack("!II", _DROP, packet)),
            resource=queue,
        )
        for packet in ids
    )


def change(queue: int, packets: Iterable[tuple[int, bytes]]) -> bytes:
    """Let other packets go on in the place of these; none may be longer than the one it replaces.

    A longer one may not find room in the kernel, and then the packet goes on as it came.
    """
    return b"".join(
        netlink.message(
            _VERDICT,
            0,
            0,
            netlink.attribute(_VERDICT_HEADER, struct.pack("!II", _ACCEPT, packet))
            + netlink.attribute(_PAYLOAD, content),
            resource=queue,
        )
        for packet, content in packets
    )


def pass_through(queue: int, last: int) -> bytes:
    """Let every packet go on that waits and came no later than the packet `last`."""
    body = netlink.attribute(_VERDICT_HEADER, struct.pack("!II", _ACCEPT, last))
    return netlink.message(_VERDICT_BATCH, 0, 0, body, resource=queue)
