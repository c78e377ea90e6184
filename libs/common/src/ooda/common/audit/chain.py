"""The hash chain over the audit trail: canonical form, row hash, verification. Pure.

Every row has a position, counted from 1 without gaps, and the hash of the row before it. Its own
hash is SHA-256 over all that it says, each field with its length before it, so that no two rows
have the same canonical form. The chain goes on over partitions; a checkpoint keeps the last hash
of each closed one, so that a partition can be dropped and the rest still be verified.

What it proves: that rows were not changed, removed, inserted or reordered by anybody who did not
also compute every later hash anew and write the checkpoints and the head. Against that somebody
stands only a hash that was kept elsewhere: ``action.recorded`` carries each intent's to the bus.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

FORM = b"ooda-audit-1"
"""Name of the canonical form; part of every hash, so that a later form cannot be taken for it."""

GENESIS = bytes(32)
"""What the first row has as the hash of the row before it."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the trail says of one event; all of it is hashed, in this order."""

    account: str
    stream: str
    stream_sequence: int
    subject: str
    event_id: str
    incident_id: str | None
    anomaly_id: str | None
    namespace: str | None
    occurred_at: dt.datetime
    stored_at: dt.datetime
    recorded_at: dt.datetime
    trace_id: str | None
    payload: bytes
    """The event, byte for byte as it was on the bus."""


@dataclass(frozen=True, slots=True)
class Link:
    """A row in its place."""

    position: int
    previous_hash: bytes
    row_hash: bytes
    row: Row


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place in the chain: a position and the hash of the row there."""

    position: int
    row_hash: bytes


START = Anchor(0, GENESIS)
"""The place before the first row."""


class BreakReason(StrEnum):
    """In what way a chain is broken."""

    MISSING = "missing"
    """One or more rows before this position are gone."""
    REPEATED = "repeated"
    """A row is where the chain has already been."""
    UNLINKED = "unlinked"
    """It does not name the row before it: replaced, inserted or reordered."""
    CHANGED = "changed"
    """What it says has another hash than it had when it was written."""
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    """The partition ended with another hash when it was closed."""
    TRUNCATED = "truncated"
    """The chain has been longer: rows at its end are gone."""
    BEYOND_HEAD = "beyond_head"
    """There are rows after the end that the recorder knows of."""
    HEAD_DIFFERS = "head_differs"
    """The last row has another hash than the recorder wrote."""


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a chain is broken."""

    position: int
    reason: BreakReason


def _canonical(value: str | int | bytes | dt.datetime | None) -> bytes:
    match value:
        case None:
            return b"n"
        case bytes():
            return b"b" + value
        case str():
            return b"s" + value.encode()
        case int():
            return b"i%d" % value
        case dt.datetime():
            return b"t" + value.astimezone(dt.UTC).isoformat(timespec="microseconds").encode()


def row_hash(position: int, previous_hash: bytes, row: Row) -> bytes:
    """Compute the hash of a row in its place: 32 bytes."""
    said = hashlib.sha256()
    values = (position, previous_hash, *(getattr(row, each.name) for each in fields(row)))
    for part in (FORM, *(_canonical(value) for value in values)):
        said.update(len(part).to_bytes(8, "big"))
        said.update(part)
    return said.digest()


def link(before: Anchor, row: Row) -> Link:
    """Put a row at the end of the chain."""
    position = before.position + 1
    return Link(position, before.row_hash, row_hash(position, before.row_hash, row), row)


def step(before: Anchor, found: Link, checkpoints: Mapping[int, bytes]) -> Anchor | Break:
    """Verify one row after the verified place before it; the fold of a verification.

    ``checkpoints`` has the last hash of each closed partition by its last position.
    """
    expected = before.position + 1
    if found.position != expected:
        late = found.position > expected
        reason = BreakReason.MISSING if late else BreakReason.REPEATED
        return Break(expected if late else found.position, reason)
    if found.previous_hash != before.row_hash:
        return Break(expected, BreakReason.UNLINKED)
    if found.row_hash != row_hash(expected, before.row_hash, found.row):
        return Break(expected, BreakReason.CHANGED)
    if checkpoints.get(expected, found.row_hash) != found.row_hash:
        return Break(expected, BreakReason.CHECKPOINT_DIFFERS)
    return Anchor(expected, found.row_hash)


def finish(end: Anchor, head: Anchor) -> Break | None:
    """Compare the verified end with the head that the recorder keeps."""
    if end.position < head.position:
        return Break(end.position + 1, BreakReason.TRUNCATED)
    if end.position > head.position:
        return Break(head.position + 1, BreakReason.BEYOND_HEAD)
    if end.row_hash != head.row_hash:
        return Break(end.position, BreakReason.HEAD_DIFFERS)
    return None


def first_break(
    links: Iterable[Link], start: Anchor, head: Anchor, checkpoints: Mapping[int, bytes]
) -> Break | None:
    """Verify rows that are at hand; None if nothing is broken."""
    place = start
    for each in links:
        match step(place, each, checkpoints):
            case Break() as broken:
                return broken
            case Anchor() as place:
                pass
    return finish(place, head)
