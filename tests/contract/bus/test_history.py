"""A bus in memory and one on a real server keep the same promises about what was said before."""

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from factories.events import make
from ooda.common.bus.history import BATCH
from ooda.common.bus.interface import BusUnavailableError, History, Publisher
from ooda.common.clock import SystemClock
from ooda.common.events import AnomalyCleared, AnomalyFlagged
from ooda.common.testing.bus import MemoryBus
from ooda.common.topology import LOOP, PEOPLE, Service
from servers.loop_bus import LoopBus, loop_bus


@dataclass
class Both:
    """Who says something, and who reads it."""

    said: Publisher
    read: History
    server: LoopBus | None

    async def say(self, name: str) -> None:
        await self.said.publish(
            make(AnomalyFlagged, event_id=name, occurred_at=SystemClock().now())
        )

    async def since(self, moment: dt.datetime) -> list[str]:
        return [each.event.event_id for each in await self.read.read_since(LOOP, moment)]


@pytest.fixture(params=["memory", "server"])
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Both]:
    if request.param == "memory":
        memory = MemoryBus()
        yield Both(memory, memory, None)
        return
    async with (
        loop_bus(tmp_path) as server,
        server.running(Service.OBSERVER) as observer,
        server.running(Service.INJECTOR) as injector,
    ):
        yield Both(observer, injector, server)


LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


async def test_nothing_was_said(both: Both) -> None:
    assert await both.since(LONG_AGO) == []


async def test_in_order_from_a_time_on(both: Both) -> None:
    await both.say("a")
    (first,) = await both.read.read_since(LOOP, LONG_AGO)
    between = max(first.stored_at, SystemClock().now()) + dt.timedelta(milliseconds=1)
    while SystemClock().now() < between:
        pass
    for name in ("b", "c"):
        await both.say(name)
    assert await both.since(LONG_AGO) == ["a", "b", "c"]
    assert await both.since(between) == ["b", "c"]
    assert (first.stream, first.subject) == ("LOOP", "anomaly.flagged")


async def test_more_than_one_answer_holds(both: Both) -> None:
    names = [f"{number}" for number in range(BATCH + 3)]
    for name in names:
        await both.say(name)
    assert await both.since(LONG_AGO) == names


async def test_what_is_no_event_is_left_out(both: Both) -> None:
    if both.server is not None:
        async with both.server.client(Service.OBSERVER) as (client, _):
            await client.jetstream().publish(AnomalyCleared.subject, b"nonsense")
    await both.say("a")
    assert await both.since(LONG_AGO) == ["a"]


async def test_a_server_that_is_away_is_told_of(both: Both) -> None:
    if both.server is not None:
        both.server.kill()
    elif isinstance(both.read, MemoryBus):
        both.read.failure = BusUnavailableError("away")
    with pytest.raises(BusUnavailableError):
        await both.since(LONG_AGO)
    if both.server is not None:
        both.server.start()


async def test_what_one_may_not_read_is_away(both: Both) -> None:
    if both.server is None:
        pytest.skip("the memory refuses nobody")
    async with both.server.running(Service.ACTOR) as actor:
        assert await actor.read_since(LOOP, LONG_AGO) == []  # by sequence it reads its own letters
        with pytest.raises(BusUnavailableError):
            await actor.read_since(PEOPLE, LONG_AGO)
