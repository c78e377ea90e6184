"""An answer of a DNS server in a packet: about which name it is, and what it can be made to say.

Pure. The bytes are a stranger's: what is not wholly as such an answer has to be is none, and is
left alone. That goes for TCP, fragments and extension headers of IPv6 too. Only what is before the
end of the question is read, since nothing behind it stays.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ooda.common.node_means import Rcode

PORT: Final = 53
CODES: Final[Mapping[Rcode, int]] = {Rcode.NXDOMAIN: 3, Rcode.SERVFAIL: 2}
"""The number of each response code; what is lost has none."""
_LONGEST_NAME: Final = 255
LONGEST_HEAD: Final = 60 + 8 + 12 + _LONGEST_NAME + 4
"""Bytes of the longest headers (IPv4, UDP, DNS) and of the longest question behind them."""

_IPV4, _IPV6 = 4, 6
_IPV4_HEADER, _IPV6_HEADER = 20, 40
_UDP: Final = 17
_UDP_HEADER: Final = struct.Struct("!4H")  # source, destination, length, checksum
_PART_OF_MORE: Final = 0x3FFF  # of IPv4: more fragments follow, or this one is not the first
_DNS_HEADER: Final = struct.Struct("!6H")  # number, flags, and how many there are of each section
_RESPONSE: Final = 0x8000
_KIND: Final = 0x7800  # of the question; 0: a lookup
_CODE: Final = 0x000F
_KEPT: Final = _RESPONSE | 0x0400 | 0x0100 | 0x0080 | 0x0010
"""AA, RD, RA and CD stay. TC goes, or the name would be asked again over TCP; AD goes with what was
verified."""
_LONGEST_LABEL: Final = 63

Labels = Sequence[bytes]


def labels_of(name: str) -> Labels:
    """Return the labels of a name, in small letters; of none, no labels."""
    return [each.encode().lower() for each in name.rstrip(".").split(".")] if name else []


def is_about(asked: Labels, name: Labels) -> bool:
    """Say whether a name that was asked for is this one, or begins with its labels."""
    return asked[: len(name)] == name


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to one lookup, in one packet."""

    network: bytes
    """The header of IPv4 or IPv6."""
    ports: bytes
    flags: int
    number: int
    name: Labels
    """What was asked for, in small letters."""
    question: bytes
    """The same as it was sent, with the type and the class that were asked for."""

    @property
    def code(self) -> int:
        """Its response code."""
        return self.flags & _CODE

    def saying(self, code: int) -> bytes:
        """Return the packet with this response code, and without any records."""
        flags = self.flags & _KEPT | code
        message = _DNS_HEADER.pack(self.number, flags, 1, 0, 0, 0) + self.question
        length = (_UDP_HEADER.size + len(message)).to_bytes(2, "big")
        network = bytearray(self.network)
        if network[0] >> 4 == _IPV4:
            struct.pack_into("!H", network, 2, len(network) + _UDP_HEADER.size + len(message))
            struct.pack_into("!H", network, 10, 0)
            struct.pack_into("!H", network, 10, _checksum(network))
            addresses = network[12:20]
        else:
            network[4:6] = length
            addresses = network[8:40]
        summed = bytes(addresses) + bytes([0, _UDP]) + length + self.ports + length + message
        # Zero would say that there is no checksum.
        checksum = (_checksum(summed) or 0xFFFF).to_bytes(2, "big")
        return bytes(network) + self.ports + length + checksum + message


def answer_in(packet: bytes) -> Answer | None:
    """Return the answer in a packet of which at least `LONGEST_HEAD` bytes are here, if it is one.

    Never raises.
    """
    try:
        return _answer_in(packet)
    except (IndexError, struct.error):  # it ends too early
        return None


def _answer_in(packet: bytes) -> Answer | None:
    header, carried = _network_of(packet)
    source, _, length, _ = _UDP_HEADER.unpack_from(packet, header)
    if source != PORT or not _UDP_HEADER.size <= length <= carried:
        return None
    message = packet[header + _UDP_HEADER.size : header + length]
    number, flags, questions, _, _, _ = _DNS_HEADER.unpack_from(message)
    if not flags & _RESPONSE or flags & _KIND or questions != 1:
        return None
    name, at = _name_at(message, _DNS_HEADER.size)
    end = at + 4
    if name is None or end > len(message):
        return None
    return Answer(
        network=packet[:header],
        ports=packet[header : header + 4],
        flags=flags,
        number=number,
        name=name,
        question=message[_DNS_HEADER.size : end],
    )


def _network_of(packet: bytes) -> tuple[int, int]:
    """Return how long the header of IP is and what it carries; without UDP as a whole, nothing."""
    if packet[0] >> 4 == _IPV4:
        header = (packet[0] & 0x0F) * 4
        total, _, part = struct.unpack_from("!3H", packet, 2)
        whole = packet[9] == _UDP and not part & _PART_OF_MORE
        if header >= _IPV4_HEADER and whole:
            return header, total - header
    elif packet[0] >> 4 == _IPV6 and packet[6] == _UDP:
        return _IPV6_HEADER, int.from_bytes(packet[4:6])
    return 0, 0


def _name_at(message: bytes, begin: int) -> tuple[Labels | None, int]:
    """Return the labels of the name there, and where it ends; None if it is not written out."""
    labels: list[bytes] = []
    at = begin
    while size := message[at]:
        if size > _LONGEST_LABEL or at + size + 2 - begin > _LONGEST_NAME:
            return None, at
        labels.append(message[at + 1 : at + 1 + size].lower())
        at += 1 + size
    return labels, at + 1


def _checksum(content: bytes | bytearray) -> int:
    """Return the checksum of the Internet (RFC 1071)."""
    padded = bytes(content) + bytes(len(content) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
