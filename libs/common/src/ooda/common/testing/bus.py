"""The bus in memory: the same promises, without a server. For tests of handlers."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any, Generic

from ooda.common import topology
from ooda.common.bus.asking import refuse_too_big
from ooda.common.bus.interface import (
    Delivery,
    Record,
    RecordConflictError,
    Stored,
)
from ooda.common.bus.subjects import check_key, covers, stream_of
from ooda.common.events import Event


class FixedClock:
    """Tells the time that it was told."""

    def __init__(self, now: dt.datetime) -> None:
        self.time = now

    def now(self) -> dt.datetime:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += dt.timedelta(seconds=seconds)


class MemoryBucket(Generic[Record]):
    """Records as JSON by key, as the real bucket has them."""

    def __init__(self, record: type[Record], name: str = "memory") -> None:
        self._record = record
        self._name = name
        self._entries: dict[str, tuple[int, bytes | None]] = {}
        self._revision = 0

    async def get(self, key: str) -> Stored[Record] | None:
        """Return a record, None if there is none."""
        check_key(self._name, key)
        revision, body = self._entries.get(key, (0, None))
        if body is None:
            return None
        try:
            return Stored(self._record.model_validate_json(body), revision)
        except ValueError as error:
            raise ValueError(f"bucket {self._name}, key {key}: {error}") from error

    async def put(self, key: str, record: Record, revision: int | None) -> int:
        """Write if the revision is still the given one (None: if there is no record)."""
        check_key(self._name, key)
        written = record.model_dump_json().encode()
        refuse_too_big(f"bucket {self._name}, key {key}", written)
        last, body = self._entries.get(key, (0, None))
        if body is None and revision is None:
            revision = last
        if revision != last:
            raise RecordConflictError(f"bucket {self._name}, key {key}: somebody else wrote it")
        return self.write(key, written)

    async def delete(self, key: str) -> None:
        """Remove a record; it is no error if there is none."""
        self.write(key, None)

    async def keys(self) -> Sequence[str]:
        """Return the keys that have a record, or had one that was deleted of late."""
        return sorted(self._entries)

    def write(self, key: str, body: bytes | None) -> int:
        """Write whatever it is, as somebody could who is not this class."""
        self._revision += 1
        self._entries[key] = (self._revision, body)
        return self._revision


class MemoryBus:
    """Keeps what was published, once per event id, and has buckets."""

    def __init__(self, account: topology.Account = topology.Account.LOOP) -> None:
        self._account = account
        self.published: list[Event] = []
        self.failure: Exception | None = None
        """Raised by ``publish`` and ``read_since`` while it is set."""
        self.said = asyncio.Event()
        """Set at each publish; a test that waits for one clears it before."""
        self._buckets: dict[str, MemoryBucket[Any]] = {}

    async def publish(self, event: Event) -> None:
        """Keep an event, unless its id is known."""
        stream_of(event.subject_of(), self._account)
        refuse_too_big(event.subject_of(), event.model_dump_json().encode())
        if self.failure is not None:
            raise self.failure
        if event.event_id not in {each.event_id for each in self.published}:
            self.published.append(event)
        self.said.set()

    async def read_since(self, stream: topology.Stream, since: dt.datetime) -> Sequence[Delivery]:
        """Return what was published on a stream's subjects and occurred since then."""
        if self.failure is not None:
            raise self.failure
        return [
            delivery(each, sequence=place)
            for place, each in enumerate(self.published, start=1)
            if each.occurred_at >= since
            and any(covers(pattern, each.subject_of()) for pattern in stream.subjects)
        ]

    def bucket(self, bucket: topology.Bucket, record: type[Record]) -> MemoryBucket[Record]:
        """Return the bucket; the same one for the same name."""
        return self._buckets.setdefault(bucket.name, MemoryBucket(record, bucket.name))

    def on(self, pattern: str) -> list[Event]:
        """Return what was published on the subjects that a pattern covers."""
        return [each for each in self.published if covers(pattern, each.subject_of())]


def delivery(
    event: Event, *, sequence: int = 1, deliveries: int = 1, stored_at: dt.datetime | None = None
) -> Delivery:
    """Return an event as the bus hands it over."""
    subject = event.subject_of()
    accounts = [each for each in topology.Account if _stores(subject, each)]
    return Delivery(
        event=event,
        subject=subject,
        stream=stream_of(subject, accounts[0]).name,
        sequence=sequence,
        stored_at=stored_at or event.occurred_at,
        deliveries=deliveries,
        payload=event.model_dump_json().encode(),
        headers={"Nats-Msg-Id": event.event_id},
    )


def _stores(subject: str, account: topology.Account) -> bool:
    return any(
        covers(pattern, subject)
        for stream in topology.STREAMS
        if stream.account is account
        for pattern in stream.subjects
    )
