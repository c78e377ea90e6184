"""The table that sends a fault's packets to its queue, as transactions of nf_tables.

Three things make it harmless without its process, each by itself:

- it belongs to the process (`NFT_TABLE_F_OWNER`): the kernel removes it when that one ends;
- the queue is bypassed while nobody listens (`NFQ_FLAG_BYPASS`);
- it only matches while its set `armed` has an element, which the kernel forgets after `TTL_MS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ooda.injector.node.core import netlink
from ooda.injector.node.core.matching import (
    ARMED,
    IPV4,
    IPV6,
    OWN_PORTS,
    PEER_PORTS,
    Matching,
    rules,
)
from ooda.injector.node.core.netlink import attribute, long_number, nested, number, text

TABLE: Final = "ooda-fault"
TTL_MS: Final = 1000
"""How long the rules match after the last sign of life of their process, in milliseconds."""

_PREROUTING, _POSTROUTING = 0, 4
_MANGLE = -150  # before address translation of what comes in, after that of what goes out

_SUBSYSTEM = 10 << 8
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = (_SUBSYSTEM | kind for kind in (0, 3, 6))
_DELETE_TABLE = _SUBSYSTEM | 2
_NEW_SET, _NEW_ELEMENT, _DELETE_ELEMENT = (_SUBSYSTEM | kind for kind in (9, 12, 14))
_BEGIN, _END = 0x10, 0x11
_OWNED = 2
_TIMED = 0x10


class _Transaction:
    """A list of messages that the kernel carries out as one, or not at all."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, int, int, bytes]] = []

    def add(self, kind: int, family: int, body: bytes, flags: int = 0) -> None:
        self._steps.append((kind, flags, family, body))

    def encoded(self, sequence: int) -> bytes:
        begin = netlink.message(_BEGIN, 0, sequence, b"", resource=10)
        steps = b"".join(
            netlink.message(kind, flags | netlink.ACK, sequence, body, family=family)
            for kind, flags, family, body in self._steps
        )
        return begin + steps + netlink.message(_END, 0, sequence, b"", resource=10)

    def __len__(self) -> int:
        return len(self._steps)


@dataclass(frozen=True)
class Request:
    """A transaction as bytes, and how many answers the kernel gives if it is carried out."""

    content: bytes
    answers: int


def _request(steps: _Transaction, sequence: int) -> Request:
    return Request(steps.encoded(sequence), len(steps))


def _set(name: str, identity: int, *, width: int, flags: int = 0) -> bytes:
    return (
        text(1, TABLE)
        + text(2, name)
        + number(3, flags)
        + number(4, 0)
        + number(5, width)
        + number(10, identity)
    )


def _elements(name: str, keys: Sequence[bytes], timeout_ms: int | None = None) -> bytes:
    timed = b"" if timeout_ms is None else long_number(4, timeout_ms)
    listed = (nested(1, nested(1, attribute(1, key)), timed) for key in keys)
    return text(1, TABLE) + text(2, name) + nested(3, *listed)


def _port_set(steps: _Transaction, family: int, name: str, ports: Sequence[int]) -> None:
    identity = {PEER_PORTS: 2, OWN_PORTS: 3}[name]
    steps.add(_NEW_SET, family, _set(name, identity, width=2), netlink.CREATE)
    keys = [port.to_bytes(2, "big") for port in sorted(set(ports))]
    steps.add(_NEW_ELEMENT, family, _elements(name, keys), netlink.CREATE)


def _chain(steps: _Transaction, family: int, queue: int, matching: Matching) -> None:
    name = "incoming" if matching.incoming else "outgoing"
    hook = _PREROUTING if matching.incoming else _POSTROUTING
    body = (
        text(1, TABLE)
        + text(3, name)
        + nested(4, number(1, hook), number(2, _MANGLE & 0xFFFFFFFF))
        + text(7, "filter")
    )
    steps.add(_NEW_CHAIN, family, body, netlink.CREATE)
    for rule in rules(family, queue, matching):
        content = text(1, TABLE) + text(2, name) + nested(4, rule)
        steps.add(_NEW_RULE, family, content, netlink.CREATE | netlink.APPEND)


def install(queue: int, directions: Sequence[Matching], sequence: int) -> Request:
    """Make the table of each family, disarmed; refused (EEXIST) where there is one already."""
    steps = _Transaction()
    for family in (IPV4, IPV6):
        table = text(1, TABLE) + number(2, _OWNED)
        steps.add(_NEW_TABLE, family, table, netlink.CREATE | netlink.EXCLUSIVE)
        timed = _set(ARMED, 1, width=1, flags=_TIMED)
        steps.add(_NEW_SET, family, timed, netlink.CREATE)
        first = directions[0]
        if first.peer_ports:
            _port_set(steps, family, PEER_PORTS, first.peer_ports)
        if first.own_ports:
            _port_set(steps, family, OWN_PORTS, first.own_ports)
        for matching in directions:
            _chain(steps, family, queue, matching)
    return _request(steps, sequence)


def arm(sequence: int, *, ttl_ms: int = TTL_MS) -> Request:
    """Let the rules match from now on for `ttl_ms`."""
    steps = _Transaction()
    for family in (IPV4, IPV6):
        steps.add(_NEW_ELEMENT, family, _elements(ARMED, [bytes([family])], ttl_ms), netlink.CREATE)
    return _request(steps, sequence)


def rearm(sequence: int, *, ttl_ms: int = TTL_MS) -> Request:
    """Let the rules match on for `ttl_ms` from now, without a gap; ENOENT if they had stopped.

    The element is replaced within one transaction: kernels before 6.12 cannot prolong one.
    """
    steps = _Transaction()
    for family in (IPV4, IPV6):
        key = [bytes([family])]
        steps.add(_DELETE_ELEMENT, family, _elements(ARMED, key))
        steps.add(_NEW_ELEMENT, family, _elements(ARMED, key, ttl_ms), netlink.CREATE)
    return _request(steps, sequence)


def disarm(sequence: int) -> Request:
    """Let the rules match no more; ENOENT if they had stopped."""
    steps = _Transaction()
    for family in (IPV4, IPV6):
        steps.add(_DELETE_ELEMENT, family, _elements(ARMED, [bytes([family])]))
    return _request(steps, sequence)


def remove(sequence: int) -> Request:
    """Remove the tables with all that is in them."""
    steps = _Transaction()
    for family in (IPV4, IPV6):
        steps.add(_DELETE_TABLE, family, text(1, TABLE))
    return _request(steps, sequence)
