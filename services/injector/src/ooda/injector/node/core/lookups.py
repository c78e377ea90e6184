"""A lookup of a name as the proof of a fault: what is asked, and what is an answer. Pure."""

import ipaddress
import struct
from typing import Final

from ooda.common.node_means import PacketFault, Unanswered
from ooda.injector.node.orders import Lookup

PORT: Final = 53
_HEADER: Final = struct.Struct("!6H")
_RESPONSE, _CODE, _RECURSE = 0x8000, 0x000F, 0x0100
_ADDRESS, _INTERNET = 1, 1
_CLUSTER: Final = "svc."


def lookup_of(resolv_conf: str) -> Lookup | None:
    """Return the lookup that every pod of the cluster has answered.

    It is the name of the API server's Service, at the first server. None where names are not looked
    up in the cluster, as with ``dnsPolicy: Default``: no question leaves it.
    """
    lines = [line.split() for line in resolv_conf.splitlines()]
    servers = [line[1] for line in lines if line[:1] == ["nameserver"] and len(line) > 1]
    # Of several such lines the last one counts, as for the pod itself.
    searched = next((line[1:] for line in reversed(lines) if line[:1] == ["search"]), [])
    domain = next((each for each in searched if each.startswith(_CLUSTER)), None)
    if not servers or domain is None:
        return None
    try:
        server = ipaddress.ip_address(servers[0])
    except ValueError:
        return None
    return Lookup(server=server, name=f"kubernetes.default.{domain.rstrip('.')}")


def is_hit(fault: PacketFault) -> bool:
    """Say whether a lookup has its answers lost or late under a fault, whoever the server is."""
    traffic = fault.traffic
    meant = not traffic.peers and not traffic.own_ports
    ports = not traffic.peer_ports or PORT in traffic.peer_ports
    return meant and ports and not isinstance(fault.fault, Unanswered)


def question(name: str, number: int) -> bytes:
    """Return a question for the IPv4 addresses of a name. Raises UnicodeError for no such name."""
    labels = (each.encode("ascii") for each in name.split("."))
    asked = b"".join(bytes([len(each)]) + each for each in labels) + b"\0"
    header = _HEADER.pack(number & 0xFFFF, _RECURSE, 1, 0, 0, 0)
    return header + asked + struct.pack("!HH", _ADDRESS, _INTERNET)


def answers(datagram: bytes, number: int) -> bool:
    """Say whether a datagram answers the question of this number, with at least one address."""
    if len(datagram) < _HEADER.size:
        return False
    identity, flags, _, found, _, _ = _HEADER.unpack_from(datagram)
    right = identity == number & 0xFFFF and bool(flags & _RESPONSE)
    return right and not flags & _CODE and found > 0
