"""Packets with answers of DNS servers, and a reader that shares nothing with the product."""

import ipaddress
from dataclasses import dataclass

SERVER, POD = "10.96.0.10", "10.0.1.7"
SERVER_V6, POD_V6 = "fd00::a", "fd00:1::7"
NAME = "cart.shop.svc.cluster.local"
RECORD = bytes.fromhex("c00c 0001 0001 0000001e 0004 0a600001")
OPTIONS = bytes.fromhex("00 0029 04d0 00000000 0000")


def wire(name: str) -> bytes:
    """Return a name as it is sent."""
    return b"".join(bytes([len(each)]) + each.encode() for each in name.split(".")) + b"\0"


def message(
    name: str = NAME,
    *,
    number: int = 0x1234,
    flags: int = 0x8580,
    counts: tuple[int, int, int, int] = (1, 1, 0, 1),
    kind: int = 1,
) -> bytes:
    """Return an answer with an address and an OPT record, about a name."""
    return _numbers(number, flags, *counts) + wire(name) + _numbers(kind, 1) + RECORD + OPTIONS


def datagram(
    content: bytes, *, source: int = 53, destination: int = 40000, length: int | None = None
) -> bytes:
    """Return the header of UDP and what it carries; its checksum is wrong."""
    said = 8 + len(content) if length is None else length
    return _numbers(source, destination, said, 0xBEEF) + content


def over_ipv4(
    carried: bytes,
    *,
    options: bytes = b"",
    words: int | None = None,
    total: int | None = None,
    part: int = 0x4000,
    protocol: int = 17,
) -> bytes:
    """Return a packet of IPv4; its checksum is wrong."""
    header = 20 + len(options)
    first = bytes([0x40 | (header // 4 if words is None else words), 0])
    length = header + len(carried) if total is None else total
    addresses = ipaddress.ip_address(SERVER).packed + ipaddress.ip_address(POD).packed
    fields = first + _numbers(length, 0x4711, part) + bytes([62, protocol, 0xDE, 0xAD])
    return fields + addresses + options + carried


def over_ipv6(carried: bytes, *, total: int | None = None, protocol: int = 17) -> bytes:
    """Return a packet of IPv6."""
    length = len(carried) if total is None else total
    addresses = ipaddress.ip_address(SERVER_V6).packed + ipaddress.ip_address(POD_V6).packed
    fields = b"\x60\x0a\xbc\xde" + _numbers(length) + bytes([protocol, 62])
    return fields + addresses + carried


def _numbers(*each: int) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in each)


@dataclass(frozen=True)
class Said:
    """What a packet says."""

    source: str
    destination: str
    ports: tuple[int, int]
    number: int
    flags: int
    counts: tuple[int, int, int, int]
    name: str
    kind: int
    behind: bytes
    """What comes behind the question."""


def _halves(content: bytes) -> list[int]:
    padded = content + b"\0" * (len(content) % 2)
    return [int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)]


def _adds_up(content: bytes) -> bool:
    total = 0
    for each in _halves(content):
        total += each
        if total > 0xFFFF:
            total -= 0xFFFF
    return total == 0xFFFF


def adds_up(packet: bytes) -> bool:
    """Say whether all lengths and checksums of a packet are right."""
    header = _length_of_header(packet)
    if packet[0] & 0xF0 == 0x40:
        right = _adds_up(packet[:header]) and _halves(packet)[1] == len(packet)
    else:
        right = _halves(packet)[2] == len(packet) - header
    udp = packet[header:]
    pseudo = b"".join(_addresses(packet)) + b"\0\x11" + len(udp).to_bytes(2, "big")
    return right and _halves(udp)[2] == len(udp) and udp[6:8] != b"\0\0" and _adds_up(pseudo + udp)


def _length_of_header(packet: bytes) -> int:
    return 4 * (packet[0] - 0x40) if packet[0] & 0xF0 == 0x40 else 40


def _addresses(packet: bytes) -> tuple[bytes, bytes]:
    if packet[0] & 0xF0 == 0x40:
        return packet[12:16], packet[16:20]
    return packet[8:24], packet[24:40]


def read(packet: bytes) -> Said:
    """Read a packet to its last byte. Raises AssertionError where it does not add up."""
    assert adds_up(packet)
    source, destination = _addresses(packet)
    udp = packet[_length_of_header(packet) :]
    ports = _halves(udp)[:2]
    number, flags, *counts = _halves(udp[8:20])
    labels: list[str] = []
    at = 20
    while udp[at]:
        labels.append(udp[at + 1 : at + 1 + udp[at]].decode())
        at += 1 + udp[at]
    first, second, third, fourth = counts
    return Said(
        source=str(ipaddress.ip_address(source)),
        destination=str(ipaddress.ip_address(destination)),
        ports=(ports[0], ports[1]),
        number=number,
        flags=flags,
        counts=(first, second, third, fourth),
        name=".".join(labels),
        kind=int.from_bytes(udp[at + 1 : at + 3], "big"),
        behind=udp[at + 5 :],
    )
