"""A lookup of a name as the proof of a fault: what is asked, and what an answer tells. Pure."""

import ipaddress
import struct
from typing import Final

from ooda.common.node_means import Answers, PacketFault, Unanswered
from ooda.injector.node.core.dns_answers import CODES, PORT, is_about, labels_of
from ooda.injector.node.orders import Lookup

_HEADER: Final = struct.Struct("!6H")
_RESPONSE, _CODE, _RECURSE = 0x8000, 0x000F, 0x0100
_ADDRESS, _INTERNET = 1, 1
_CLUSTER: Final = "svc."
_LONGEST_NAME: Final = 253
_MOST_NAMES: Final = 8


def lookup_of(resolv_conf: str, name: str | None = None) -> Lookup | None:
    """Return the lookup that every pod of the cluster has answered, or that of a name.

    It is the name of the API server's Service, at the first server. A name is looked up as it is
    and with each domain that is searched, as far as that is in the cluster: no question leaves it.
    None where there is no such name, and where names are not looked up in the cluster, as with
    ``dnsPolicy: Default``.
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
    domain = domain.rstrip(".")
    if name is None:
        return Lookup(server=server, name=f"kubernetes.default.{domain}")
    cluster = f".{domain.removeprefix(_CLUSTER)}"
    expanded = [name, *(f"{name}.{each.rstrip('.')}" for each in searched)]
    within = [each for each in expanded if each.endswith(cluster) and len(each) <= _LONGEST_NAME]
    if not within:
        return None
    return Lookup(server=server, name=within[0], or_else=tuple(within[1:_MOST_NAMES]))


def is_hit(fault: PacketFault) -> bool:
    """Say whether a lookup has its answers lost or late under a fault, whoever the server is."""
    traffic = fault.traffic
    meant = not traffic.peers and not traffic.own_ports
    ports = not traffic.peer_ports or PORT in traffic.peer_ports
    return meant and ports and not isinstance(fault.fault, Unanswered)


def told_by(lookup: Lookup, fault: PacketFault) -> list[Lookup]:
    """Return the lookups, one for each name, that a fault hits which `is_hit`."""
    meant = fault.fault.name if isinstance(fault.fault, Answers) else None
    return [
        Lookup(server=lookup.server, name=each)
        for each in (lookup.name, *lookup.or_else)
        if is_about(labels_of(each), labels_of(meant or ""))
    ]


def code_told(fault: PacketFault) -> int | None:
    """Say which code an answer has that tells of the fault; None: that none comes in time does."""
    return CODES.get(fault.fault.rcode) if isinstance(fault.fault, Answers) else None


def question(name: str, number: int) -> bytes:
    """Return a question for the IPv4 addresses of a name. Raises UnicodeError for no such name."""
    labels = (each.encode("ascii") for each in name.split("."))
    asked = b"".join(bytes([len(each)]) + each for each in labels) + b"\0"
    header = _HEADER.pack(number & 0xFFFF, _RECURSE, 1, 0, 0, 0)
    return header + asked + struct.pack("!HH", _ADDRESS, _INTERNET)


def answers(datagram: bytes, number: int) -> bool:
    """Say whether a datagram answers the question of this number, with at least one address."""
    if code_of(datagram, number) != 0:
        return False
    found: int = _HEADER.unpack_from(datagram)[3]
    return found > 0


def code_of(datagram: bytes, number: int) -> int | None:
    """Return the code of the answer to the question of this number; None if it is no such one."""
    if len(datagram) < _HEADER.size:
        return None
    identity, flags, *_ = _HEADER.unpack_from(datagram)
    right = identity == number & 0xFFFF and bool(flags & _RESPONSE)
    return flags & _CODE if right else None
