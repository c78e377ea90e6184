"""What is new in a batch, and where it goes in the chain. Pure and total.

An event that was recorded before takes no position. The same event id with another content is no
duplicate: it is recorded too, under an id that has the content's digest behind it, so that
nobody can have an event forgotten by publishing another one under its name before it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ooda.common.audit.chain import Anchor, Link, Row, link

Key = tuple[str, str]
"""Stream and event id: what makes a row this row."""


@dataclass(frozen=True, slots=True)
class Known:
    """A row that is in the trail."""

    digest: bytes
    """SHA-256 of its payload."""
    row_hash: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written, and the hash under which each row of the input is in the trail."""

    links: tuple[Link, ...]
    row_hashes: tuple[bytes, ...]


def other_id(row: Row) -> str:
    """Return the id of a row whose own id belongs to another content."""
    return f"{row.event_id}#{hashlib.sha256(row.payload).hexdigest()}"


def keys_of(rows: Sequence[Row]) -> set[Key]:
    """Return the keys under which rows of a batch may be in the trail already."""
    return {(row.stream, each) for row in rows for each in (row.event_id, other_id(row))}


def arrange(head: Anchor, rows: Sequence[Row], known: Mapping[Key, Known]) -> Batch:
    """Put what is new at the end of the chain, in the order of the batch."""
    place = head
    seen = dict(known)
    links: list[Link] = []
    hashes: list[bytes] = []
    for given in rows:
        digest = hashlib.sha256(given.payload).digest()
        row = given
        there = seen.get((row.stream, row.event_id))
        if there is not None and there.digest != digest:
            row = replace(given, event_id=other_id(given))
            there = seen.get((row.stream, row.event_id))
        if there is None:
            new = link(place, row)
            links.append(new)
            place = Anchor(new.position, new.row_hash)
            there = seen[row.stream, row.event_id] = Known(digest, new.row_hash)
        hashes.append(there.row_hash)
    return Batch(tuple(links), tuple(hashes))


@dataclass(frozen=True, slots=True)
class Partition:
    """A range of positions in one table."""

    first: int
    last: int


def partition_of(position: int, size: int) -> Partition:
    """Return the partition that a position is in."""
    first = (position - 1) // size * size + 1
    return Partition(first, first + size - 1)


def partitions_of(links: Sequence[Link], size: int) -> tuple[Partition, ...]:
    """Return the partitions that the links are in, in order."""
    return tuple(dict.fromkeys(partition_of(each.position, size) for each in links))
