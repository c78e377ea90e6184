"""A dead letter is handled again when a person says so, and nothing else can be had that way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from factories.events import make
from ooda.common import topology
from ooda.common.bus.interface import Delivery, PoisonError
from ooda.common.bus.nats_bus import NatsBus
from ooda.common.bus.replaying import (
    ReplayError,
    ReplayRequest,
    answer_replay,
    ask_replay,
)
from ooda.common.events import AnomalyCleared, AnomalyFlagged, TelemetrySnapshot, derive_id
from ooda.common.reach import UnreachableError
from ooda.common.topology import REPLAY_SUBJECT, Service
from servers.loop_bus import LoopBus
from servers.waiting import until


class Handed:
    """A handler that fails as long as it is told to."""

    def __init__(self) -> None:
        self.broken = True
        self.handled: list[Delivery] = []
        self.at_work, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.may_go_on.set()

    async def __call__(self, delivery: Delivery) -> None:
        self.at_work.set()
        await self.may_go_on.wait()
        if self.broken:
            raise PoisonError("a bug")
        self.handled.append(delivery)


@asynccontextmanager
async def actor(server: LoopBus, handler: Handed) -> AsyncIterator[NatsBus]:
    """Run a bus that answers as a service does."""
    async with server.running(
        Service.ACTOR, register=lambda bus: bus.consume(topology.ACTOR, handler)
    ) as bus:

        async def find(stream: str, sequence: int) -> None:
            if not bus.consumes(stream):
                raise ReplayError(f"nothing of {stream}")
            await bus.replay(stream, sequence)

        async def reply(body: bytes) -> bytes:
            return await answer_replay(body, find)

        await bus.answer(REPLAY_SUBJECT.format(service=Service.ACTOR), reply)
        yield bus


async def ask(server: LoopBus, sequence: int, stream: str = "LOOP") -> str | None:
    request = ReplayRequest(stream=stream, sequence=sequence)
    return (await ask_replay(server.settings(Service.CLI), Service.ACTOR, request, 15)).error


async def letters(server: LoopBus) -> int:
    async with server.client(Service.CLI) as (client, _):
        info = await client.jetstream().stream_info("LOOP", subjects_filter="dead.letter")
        return int((info.state.subjects or {}).get("dead.letter", 0))


async def buried(server: LoopBus) -> None:
    async def one() -> bool:
        return await letters(server) == 1

    await until(one)


async def test_what_was_given_up_on_is_handled_when_the_bug_is_gone(server: LoopBus) -> None:
    handler = Handed()
    event = make(AnomalyFlagged)
    async with actor(server, handler), server.running(Service.OBSERVER) as observer:
        await observer.publish(event)
        await buried(server)
        assert await ask(server, 1) == "PoisonError: a bug"
        handler.broken = False
        assert await ask(server, 1) is None
    (delivery,) = handler.handled
    assert (delivery.event, delivery.subject) == (event, "anomaly.flagged")
    assert (delivery.stream, delivery.sequence, delivery.deliveries) == ("LOOP", 1, 1)
    assert delivery.stored_at.tzinfo is not None
    assert await letters(server) == 1


async def test_it_waits_for_the_event_in_hand(server: LoopBus) -> None:
    handler = Handed()
    handler.broken = False
    async with actor(server, handler), server.running(Service.OBSERVER) as observer:
        await observer.publish(make(AnomalyFlagged))
        await until(lambda: len(handler.handled) == 1)
        handler.may_go_on.clear()
        handler.at_work.clear()
        await observer.publish(make(AnomalyCleared, event_id=derive_id("cleared", 1)))
        await handler.at_work.wait()
        asked = asyncio.create_task(ask(server, 1))
        await asyncio.sleep(0)  # it has begun; that it must wait shows in the order below
        handler.may_go_on.set()
        assert await asked is None
    assert [each.sequence for each in handler.handled] == [1, 2, 1]


async def test_what_cannot_be_replayed(server: LoopBus) -> None:
    handler = Handed()
    async with (
        actor(server, handler),
        server.running(Service.OBSERVER) as observer,
        server.client(Service.OBSERVER) as (raw, _),
    ):
        await raw.jetstream().publish("anomaly.flagged", b"nonsense")
        await buried(server)  # the letter is 2
        await observer.publish(make(TelemetrySnapshot))
        refusals = {
            "it is no event still": await ask(server, 1),
            "is not what actor consumes": await ask(server, 2),
            "is not in the stream any more": await ask(server, 999),
            "nothing of TELEMETRY": await ask(server, 1, "TELEMETRY"),
            "nothing of KV_decisions": await ask(server, 1, "KV_decisions"),
        }
    assert all(part in str(said) for part, said in refusals.items()), refusals
    assert handler.handled == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"stream": "LOOP", "sequence": 0}', b"\xff"])
async def test_a_request_that_is_none(server: LoopBus, body: bytes) -> None:
    async with actor(server, Handed()), server.client(Service.CLI) as (client, _):
        reply = await client.request("replay.actor", body, timeout=5)
    assert b"not understood" in reply.data


async def test_a_service_that_is_not_there(server: LoopBus) -> None:
    with pytest.raises(UnreachableError, match="actor is not there"):
        await ask(server, 1)


async def test_a_service_that_takes_too_long(server: LoopBus) -> None:
    handler = Handed()
    handler.broken = False
    async with actor(server, handler), server.running(Service.OBSERVER) as observer:
        await observer.publish(make(AnomalyFlagged))
        await until(lambda: len(handler.handled) == 1)
        handler.may_go_on.clear()
        request = ReplayRequest(stream="LOOP", sequence=1)
        with pytest.raises(UnreachableError, match="may be at it still"):
            await ask_replay(server.settings(Service.CLI), Service.ACTOR, request, 0.3)
        handler.may_go_on.set()
