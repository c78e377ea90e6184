"""Which packets a fault means, as the rules of a chain of nf_tables (linux/netfilter/nf_tables.h).

The queue is reached by the target of iptables: kernels have it that have no `queue` statement.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from ooda.injector.node.core.netlink import attribute, nested, number, text

IPV4: Final = 2
IPV6: Final = 10
ARMED: Final = "armed"
PEER_PORTS: Final = "peer-ports"
OWN_PORTS: Final = "own-ports"

_REGISTER = 1
_VERDICT_REGISTER = 0
_EQUAL, _NOT_EQUAL, _AT_MOST, _AT_LEAST = 0, 1, 3, 5
_RETURN = -5
_INPUT_NAME, _OUTPUT_NAME, _FAMILY, _PROTOCOL = 6, 7, 15, 16
_NETWORK, _TRANSPORT = 1, 2
_TCP, _UDP, _ICMPV6 = 6, 17, 58
_NEIGHBOURS = (133, 137)  # ICMPv6 that stands for ARP: router and neighbour discovery, redirects
_BYPASS = 1
_INVERTED = 1

Peer = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Matching:
    """Which packets of one direction are meant.

    No peers: all of them; no ports: all of them. `spared` goes before everything else. With
    `accepting`, only TCP is meant, but for the packets that open a connection; with `datagrams`,
    only UDP.
    """

    incoming: bool
    peers: tuple[Peer, ...]
    peer_ports: tuple[int, ...]
    own_ports: tuple[int, ...]
    spared: tuple[Peer, ...]
    accepting: bool = False
    datagrams: bool = False


@dataclass(frozen=True)
class _Field:
    base: int
    offset: int


_FLAGS = _Field(_TRANSPORT, 13)
_SYN = 0x02


def _expression(name: str, *inner: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, *inner))


def _load(key: int) -> bytes:
    return _expression("meta", number(1, _REGISTER), number(2, key))


def _payload(field: _Field, length: int) -> bytes:
    return _expression(
        "payload",
        number(1, _REGISTER),
        number(2, field.base),
        number(3, field.offset),
        number(4, length),
    )


def _value(kind: int, value: bytes) -> bytes:
    return nested(kind, attribute(1, value))


def _compare(operator: int, value: bytes) -> bytes:
    return _expression("cmp", number(1, _REGISTER), number(2, operator), _value(3, value))


def _leave() -> bytes:
    verdict = nested(2, nested(2, number(1, _RETURN & 0xFFFFFFFF)))
    return _expression("immediate", number(1, _VERDICT_REGISTER), verdict)


def _not_in(name: str) -> bytes:
    return _expression("lookup", text(1, name), number(2, _REGISTER), number(5, _INVERTED))


def _to_queue(queue: int) -> bytes:
    # Three numbers, padded to the eight bytes to which xtables aligns what a target is told.
    told = struct.pack("=HHHxx", queue, 1, _BYPASS)
    return _expression("target", text(1, "NFQUEUE"), number(2, 3), attribute(3, told))


def _within(field: _Field, net: Peer) -> bytes:
    width = net.max_prefixlen // 8
    loaded = _payload(field, width)
    if net.prefixlen == net.max_prefixlen:
        return loaded + _compare(_EQUAL, net.network_address.packed)
    return loaded + _masked(net.netmask.packed) + _compare(_EQUAL, net.network_address.packed)


def _masked(mask: bytes) -> bytes:
    return _expression(
        "bitwise",
        number(1, _REGISTER),
        number(2, _REGISTER),
        number(3, len(mask)),
        _value(4, mask),
        _value(5, bytes(len(mask))),
    )


def _skip_other_ports(name: str, offset: int) -> list[bytes]:
    return [_payload(_Field(_TRANSPORT, offset), 2) + _not_in(name) + _leave()]


def _skip_all_but_established() -> list[bytes]:
    opening = (
        _load(_PROTOCOL)
        + _compare(_EQUAL, bytes([_TCP]))
        + _payload(_FLAGS, 1)
        + _masked(bytes([_SYN]))
        + _compare(_NOT_EQUAL, b"\0")
    )
    other = _load(_PROTOCOL) + _compare(_NOT_EQUAL, bytes([_TCP]))
    return [opening + _leave(), other + _leave()]


def rules(family: int, queue: int, matching: Matching) -> list[bytes]:
    """Give the rules of one chain: what leaves it early, then what goes to the queue."""
    loopback = _load(_INPUT_NAME if matching.incoming else _OUTPUT_NAME)
    rules = [
        _load(_FAMILY) + _not_in(ARMED) + _leave(),
        loopback + _compare(_EQUAL, b"lo".ljust(16, b"\0")) + _leave(),
    ]
    if family == IPV6:
        kind = _payload(_Field(_TRANSPORT, 0), 1)
        first, last = (bytes([bound]) for bound in _NEIGHBOURS)
        rules.append(
            _load(_PROTOCOL)
            + _compare(_EQUAL, bytes([_ICMPV6]))
            + kind
            + _compare(_AT_LEAST, first)
            + _compare(_AT_MOST, last)
            + _leave()
        )
    peer = _peer_field(family, incoming=matching.incoming)
    rules += [_within(peer, net) + _leave() for net in _of(family, matching.spared)]
    if matching.peer_ports or matching.own_ports:
        rules.append(
            _load(_PROTOCOL)
            + _compare(_NOT_EQUAL, bytes([_TCP]))
            + _compare(_NOT_EQUAL, bytes([_UDP]))
            + _leave()
        )
    if matching.accepting:
        rules += _skip_all_but_established()
    if matching.datagrams:
        rules.append(_load(_PROTOCOL) + _compare(_NOT_EQUAL, bytes([_UDP])) + _leave())
    source, destination = 0, 2
    if matching.peer_ports:
        rules += _skip_other_ports(PEER_PORTS, source if matching.incoming else destination)
    if matching.own_ports:
        rules += _skip_other_ports(OWN_PORTS, destination if matching.incoming else source)
    if not matching.peers:
        return [*rules, _to_queue(queue)]
    return rules + [_within(peer, net) + _to_queue(queue) for net in _of(family, matching.peers)]


def _peer_field(family: int, *, incoming: bool) -> _Field:
    source, destination = (12, 16) if family == IPV4 else (8, 24)
    return _Field(_NETWORK, source if incoming else destination)


def _of(family: int, nets: Sequence[Peer]) -> list[Peer]:
    return [net for net in nets if net.version == (4 if family == IPV4 else 6)]
