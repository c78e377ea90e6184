"""The form of netlink messages, as far as netfilter needs it (linux/netlink.h, nfnetlink.h).

Headers are in the byte order of the machine, the numbers in attributes in that of the network.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_FAMILY = struct.Struct("!BBH")  # family, version, resource
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_NESTED = 0x8000
HEADER = _ATTRIBUTE.size
"""Bytes before the value of an attribute."""

REQUEST = 0x001
ACK = 0x004
EXCLUSIVE = 0x200
CREATE = 0x400
APPEND = 0x800

_ERROR = 2


@dataclass(frozen=True)
class Answer:
    """What the kernel said to one message: 0, or the number of an error (errno)."""

    sequence: int
    error: int


def attribute(kind: int, value: bytes) -> bytes:
    """Give one attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def number(kind: int, value: int) -> bytes:
    """Give an attribute of 32 bits."""
    return attribute(kind, value.to_bytes(4, "big"))


def long_number(kind: int, value: int) -> bytes:
    """Give an attribute of 64 bits."""
    return attribute(kind, value.to_bytes(8, "big"))


def text(kind: int, value: str) -> bytes:
    """Give an attribute that names something."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *inner: bytes) -> bytes:
    """Give an attribute that holds others."""
    return attribute(kind | _NESTED, b"".join(inner))


def message(
    kind: int, flags: int, sequence: int, body: bytes, *, family: int = 0, resource: int = 0
) -> bytes:
    """Give one message of netfilter: its two headers and what it holds."""
    length = _HEADER.size + _FAMILY.size + len(body)
    return (
        _HEADER.pack(length, kind, flags | REQUEST, sequence, 0)
        + _FAMILY.pack(family, 0, resource)
        + body
    )


def messages(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give kind, sequence and body of each message in a datagram, but for one that is cut off."""
    at = 0
    while at + _HEADER.size <= len(datagram):
        length, kind, _, sequence, _ = _HEADER.unpack_from(datagram, at)
        if length < _HEADER.size or at + length > len(datagram):
            return
        yield kind, sequence, datagram[at + _HEADER.size : at + length]
        at += length + (-length % 4)


def attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Give kind and value of each attribute; what is cut off is left out."""
    at = 0
    while at + HEADER <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < HEADER or at + length > len(body):
            return
        yield kind, body[at + HEADER : at + length]
        at += length + (-length % 4)


def answers(datagram: bytes) -> Iterator[Answer]:
    """Give the answers in a datagram; packets and other messages are passed over."""
    for kind, sequence, body in messages(datagram):
        if kind == _ERROR and len(body) >= struct.calcsize("=i"):
            yield Answer(sequence, -struct.unpack_from("=i", body)[0])
