"""A dead letter is tried again: a person names the original, its service reads it back itself.

What is asked for is a place in a stream, never an event: who may ask cannot make one up. A service
handles again only what its own consumer of that stream is given.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import nats.errors
import nats.js.errors
from nats.js.api import RawStreamMsg
from nats.js.client import JetStreamContext
from pydantic import BaseModel, PositiveInt, ValidationError

from ooda.common.bus.asking import patiently
from ooda.common.bus.connection import connected
from ooda.common.bus.interface import BusUnavailableError, Delivery
from ooda.common.bus.subjects import covers
from ooda.common.events import parse_event
from ooda.common.reach import UnreachableError
from ooda.common.settings import NatsSettings
from ooda.common.topology import (
    REPLAY_SUBJECT,
    Account,
    Consumer,
    Service,
    inbox_prefix,
    user_name,
)

TURN_SECONDS = 5.0
"""How long the event may wait for the one in hand: the order of one after the other is kept."""


class ReplayError(Exception):
    """The event was not handled; the message says why."""


class ReplayRequest(BaseModel):
    """The place of an event."""

    stream: str
    sequence: PositiveInt


class ReplayAnswer(BaseModel):
    """What became of it; ``error`` is None if the handler has handled it."""

    error: str | None = None


@dataclass(frozen=True, slots=True)
class Replayable:
    """What one consumer is given, and who handles it."""

    consumer: Consumer
    handle: Callable[[Delivery], Awaitable[None]]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever hands an event over."""


async def replay(jetstream: JetStreamContext, given: Replayable, sequence: int) -> None:
    """Read an event back from its stream and hand it over once. Raises ReplayError."""
    delivery = await _read(jetstream, given.consumer, sequence)
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await given.turn.acquire()
    except TimeoutError as error:
        raise ReplayError("another event is in hand: try again later") from error
    try:
        await given.handle(delivery)
    except Exception as error:
        raise ReplayError(f"{type(error).__name__}: {error}") from error
    finally:
        given.turn.release()


async def answer_replay(body: bytes, find: Callable[[str, int], Awaitable[None]]) -> bytes:
    """Do what a request asks for; ``find`` replays by stream and sequence."""
    try:
        request = ReplayRequest.model_validate_json(body)
        await find(request.stream, request.sequence)
    except ValidationError:
        return _told("the request is not understood")
    except ReplayError as error:
        return _told(str(error))
    return _told(None)


async def ask_replay(
    settings: NatsSettings, service: Service, request: ReplayRequest, wait: float
) -> ReplayAnswer:
    """Have a service handle an event of its own again.

    Raises UnreachableError: NATS or the service is away, or it did not answer in ``wait`` s.
    """
    user = user_name(Service.CLI, Account.LOOP)
    async with connected(settings, 5.0, user=user, inbox=inbox_prefix(user)) as client:
        subject = REPLAY_SUBJECT.format(service=service)
        body = request.model_dump_json().encode()
        try:
            reply = await client.request(subject, body, timeout=wait)
        except nats.errors.NoRespondersError as error:
            raise UnreachableError(f"{service} is not there: see `ooda status`.") from error
        except nats.errors.TimeoutError as error:
            raise UnreachableError(
                f"{service} did not answer within {wait:g} s; it may be at it still: "
                "`ooda events` shows what comes of it."
            ) from error
        return ReplayAnswer.model_validate_json(reply.data)


async def _read(jetstream: JetStreamContext, consumer: Consumer, sequence: int) -> Delivery:
    place = f"{consumer.stream.name}/{sequence}"
    try:
        found = await patiently(
            lambda: jetstream.get_msg(consumer.stream.name, seq=sequence, direct=True)
        )
    except nats.js.errors.NotFoundError as error:
        raise ReplayError(f"{place} is not in the stream any more") from error
    except (nats.js.errors.APIError, BusUnavailableError) as error:
        raise ReplayError(f"{place} cannot be read: {error}") from error
    if not _given(found, consumer.subjects):
        raise ReplayError(f"{place} ({found.subject}) is not what {consumer.service} consumes")
    return _delivery(found, consumer)


def _given(found: RawStreamMsg, subjects: Sequence[str]) -> bool:
    return any(covers(each, found.subject or "") for each in subjects)


def _delivery(found: RawStreamMsg, consumer: Consumer) -> Delivery:
    if found.time is None or found.subject is None or found.seq is None:
        raise ReplayError("the server did not say what it has there")
    try:
        event = parse_event(found.subject, found.data or b"")
    except ValueError as error:
        raise ReplayError(f"it is no event still: {str(error).splitlines()[0]}") from error
    return Delivery(
        event=event,
        subject=found.subject,
        stream=consumer.stream.name,
        sequence=found.seq,
        stored_at=found.time,
        deliveries=1,
        payload=found.data or b"",
        headers=dict(found.headers or {}),
    )


def _told(error: str | None) -> bytes:
    return ReplayAnswer(error=error).model_dump_json().encode()
