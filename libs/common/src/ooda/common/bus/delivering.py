"""Hand what a consumer fetched to a handler, and tell the server what became of it.

While a handler works the server is told so, again and again: however long it takes, nobody else
is given the event meanwhile. What a handler cannot do because something is away is tried again in
place, so that nothing overtakes it; the process may be asked to stop meanwhile, then the event
goes back to the server.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import nats.errors
import structlog
from nats.aio.msg import Msg
from opentelemetry import trace

from ooda.common.bus.fates import Again, Bury, Redeliver, fate_of
from ooda.common.bus.interface import BatchHandler, Delivery, Handler
from ooda.common.events import DeadLetter, Event, IncidentEvent, parse_event

log = structlog.get_logger()

HEARTBEATS = 3.0
"""How often within ``ack_wait`` the server hears that a handler still works."""


class Burial(Protocol):
    """Publishes the dead letter of a message. Raises BusUnavailableError."""

    async def __call__(self, message: Msg, error: BaseException) -> None:
        """Publish; the same message again is the same dead letter."""
        ...


@dataclass(frozen=True, slots=True)
class Courier:
    """Hands over what one consumer fetched."""

    ack_wait: float
    bury: Burial
    stopping: asyncio.Event
    turn: asyncio.Lock
    """Held while a handler works: what is replayed waits for it, and it for that."""

    async def deliver(self, message: Msg, handler: Handler) -> None:
        """Hand one message over and acknowledge it, give it back, or bury it."""
        with _bound(message):
            async with self._working([message]), self.turn:
                await self._deliver(message, handler)

    async def deliver_batch(self, messages: Sequence[Msg], handler: BatchHandler) -> None:
        """Hand several over at once; if that fails each is handed over alone."""
        async with self._working(messages), self.turn:
            readable: list[tuple[Msg, Delivery]] = []
            for message in messages:
                try:
                    readable.append((message, delivery_of(message)))
                except ValueError as error:
                    with _bound(message):
                        await self._end(message, error)
            deliveries = [delivery for _, delivery in readable]
            if not deliveries:
                return
            try:
                done = await self._until_there(lambda: handler(deliveries), deliveries=1)
            except Exception:
                log.warning("batch failed, each alone now", size=len(readable), exc_info=True)
                await self._one_by_one([message for message, _ in readable], handler)
                return
            for message, _ in readable:
                await (message.ack() if done else message.nak())

    async def _one_by_one(self, messages: Sequence[Msg], handler: BatchHandler) -> None:
        async def alone(delivery: Delivery) -> None:
            await handler([delivery])

        for message in messages:
            with _bound(message):
                await self._deliver(message, alone)

    async def _deliver(self, message: Msg, handler: Handler) -> None:
        try:
            delivery = delivery_of(message)
            _bind(delivery.event)
            done = await self._until_there(
                lambda: handler(delivery), deliveries=delivery.deliveries
            )
        except Exception as error:  # noqa: BLE001 - whatever a handler raises has a fate
            await self._end(message, error)
            return
        await (message.ack() if done else message.nak())

    async def _until_there(self, call: Callable[[], Awaitable[None]], deliveries: int) -> bool:
        """Call until nothing that it needs is away; False if we are to stop before."""
        calls = 0
        while True:
            calls += 1
            try:
                await call()
            except Exception as error:
                match fate_of(error, deliveries, calls):
                    case Again(pause):
                        log.warning("something is away, will try again", error=repr(error))
                        if await self._told_to_stop_within(pause):
                            return False
                    case Redeliver() | Bury():
                        raise
            else:
                return True

    async def _end(self, message: Msg, error: Exception) -> None:
        trace.get_current_span().record_exception(error)
        tried = message.metadata.num_delivered
        fate = fate_of(error, tried, 1)
        if isinstance(fate, Redeliver):
            log.warning("handler failed", deliveries=tried, again_in=fate.delay, exc_info=error)
            await message.nak(delay=fate.delay)
            return
        log.error("event cannot be handled", deliveries=tried, exc_info=error)
        # Not of a dead letter itself: it would be the first of a chain without end.
        buried = message.subject == DeadLetter.subject or await self._until_there(
            lambda: self.bury(message, error), deliveries=tried
        )
        await (message.term() if buried else message.nak())

    async def _told_to_stop_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        return self.stopping.is_set()

    @asynccontextmanager
    async def _working(self, messages: Sequence[Msg]) -> AsyncIterator[None]:
        async def tell() -> None:
            while True:
                await asyncio.sleep(self.ack_wait / HEARTBEATS)
                for message in messages:
                    with contextlib.suppress(nats.errors.Error):  # the next one tells it again
                        if not message.is_acked:
                            await message.in_progress()

        telling = asyncio.create_task(tell())
        try:
            yield
        finally:
            telling.cancel()


def delivery_of(message: Msg) -> Delivery:
    """Read a message. Raises ValueError if it is no event of its subject."""
    known = message.metadata
    return Delivery(
        event=parse_event(message.subject, message.data),
        subject=message.subject,
        stream=known.stream,
        sequence=known.sequence.stream,
        stored_at=known.timestamp.astimezone(dt.UTC),
        deliveries=known.num_delivered,
        payload=message.data,
        headers=dict(message.headers or {}),
    )


@contextmanager
def _bound(message: Msg) -> Iterator[None]:
    """Bind what every log line about a message has."""
    context = trace.get_current_span().get_span_context()
    with structlog.contextvars.bound_contextvars(
        subject=message.subject,
        stream=message.metadata.stream,
        sequence=message.metadata.sequence.stream,
        trace_id=f"{context.trace_id:032x}",
        event_id=None,
        incident_id=None,
    ):
        yield


def _bind(event: Event) -> None:
    incident_id = event.incident_id if isinstance(event, IncidentEvent) else None
    structlog.contextvars.bind_contextvars(event_id=event.event_id, incident_id=incident_id)
