"""What a service asks of the bus: publish, be handed events, keep records. The fates of an event.

``NatsBus`` is the real thing, ``ooda.common.testing`` has the one in memory; one contract suite
runs on both. A handler that returns has handled the event. One that raises is given it again:

    what it raises              what becomes of the event
    PoisonError, ValueError     ``dead.letter`` at once: trying again is of no use
    something is away           the handler is called again, for ever, with capped pauses, and
                                nothing overtakes it: RetryLaterError, BusUnavailableError,
                                cluster Unavailable, SQLAlchemy's OperationalError and
                                InterfaceError
    anything else               again after growing delays, five times, others go on meanwhile;
                                then ``dead.letter``

    BusError
    ├── BusUnavailableError     the server did not confirm in time; publishing again is safe
    └── RecordConflictError     the record in the bucket is not what the writer had read
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from ooda.common import topology
from ooda.common.events import Event

Record = TypeVar("Record", bound=BaseModel)


class BusError(Exception):
    """The bus did not do what it was asked for."""


class BusUnavailableError(BusError):
    """The server did not confirm in time; the same call again is safe."""


class RecordConflictError(BusError):
    """Somebody else wrote the record since it was read."""


class RetryLaterError(Exception):
    """Something that the handler needs is away: the same event will be handled once it is back."""


class PoisonError(Exception):
    """This event can never be handled: trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event as it was handed over, with what the server knows of it."""

    event: Event
    subject: str
    stream: str
    sequence: int
    stored_at: dt.datetime
    """When the server stored it: the one clock of all measurements."""
    deliveries: int
    """1 at the first try."""
    payload: bytes
    headers: dict[str, str]


Handler = Callable[[Delivery], Awaitable[None]]
BatchHandler = Callable[[Sequence[Delivery]], Awaitable[None]]


class Publisher(Protocol):
    """Publishes events."""

    async def publish(self, event: Event) -> None:
        """Publish and wait until it is stored; the same event id again is stored once.

        Raises BusUnavailableError, ValueError if it is too big for a message.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stored(Generic[Record]):
    """A record and the revision that a compare-and-set needs."""

    record: Record
    revision: int


class Bucket(Protocol[Record]):
    """Records of one type by key, with one writing service."""

    async def get(self, key: str) -> Stored[Record] | None:
        """Return a record, None if there is none.

        Raises BusUnavailableError, ValueError if what is there is no such record.
        """
        ...

    async def put(self, key: str, record: Record, revision: int | None) -> int:
        """Write if the revision is still the given one (None: if there is no record).

        Returns the new revision. Raises RecordConflictError, BusUnavailableError, ValueError if
        it is too big for a message.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove a record; it is no error if there is none. Raises BusUnavailableError."""
        ...

    async def keys(self) -> Sequence[str]:
        """Return the keys that have a record, or had one that was deleted of late.

        Raises BusUnavailableError.
        """
        ...


class History(Protocol):
    """Reads back what is stored."""

    async def read_since(self, stream: topology.Stream, since: dt.datetime) -> Sequence[Delivery]:
        """Return what a stream has stored since then, in order, without a consumer.

        What is no event that we know is left out. Raises BusUnavailableError, soon.
        """
        ...


class Bus(Publisher, History, Protocol):
    """One account of the bus, as a service's composition root is given it."""

    def bucket(self, bucket: topology.Bucket, record: type[Record]) -> Bucket[Record]:
        """Return a bucket whose records are of this type; nothing is asked of the server yet."""
        ...
