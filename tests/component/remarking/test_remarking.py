"""One remark of a kind on an object within a minute; what was left out is counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from factories.events import CHECKOUT, NAMESPACE, NOW, make
from fakes.deciding import shop
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.remarking import WAITING, Remarking
from ooda.common.events import DecisionMade, ReviewRequested
from ooda.common.taxonomy import Verdict
from ooda.common.testing.bus import FixedClock, MemoryBus
from ooda.common.testing.cluster import FakeCluster
from servers.waiting import until


class Room:
    """A publisher that speaks on objects in a cluster in memory."""

    def __init__(self) -> None:
        self.cluster = shop(FakeCluster(), "auto")
        self.bus, self.clock = MemoryBus(), FixedClock(NOW)
        self.made = Remarking(self.bus, self.cluster, self.clock, "decider", "decider-0")

    async def ask(self, number: int, **given: Any) -> None:
        await self.made.publish(
            make(ReviewRequested, event_id=str(number), **{"component": CHECKOUT} | given)
        )

    async def notes(self) -> list[str]:
        found = await self.cluster.list(Kind.EVENT, NAMESPACE)
        return sorted(str(each["note"]) for each in found)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    running = asyncio.create_task(made.made.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def said(room: Room, number: int) -> list[str]:
    async def told() -> bool:
        return len(await room.notes()) == number

    await until(told, 5)
    return await room.notes()


async def test_what_is_left_out_is_counted(room: Room) -> None:
    for number in range(5):
        await room.ask(number, question="First?")
    await room.made.publish(make(DecisionMade))
    await said(room, 2)
    room.clock.advance(61)
    await room.ask(9, question="Second?")
    notes = await said(room, 3)
    assert next(each for each in notes if each.startswith("Second?")).endswith(
        "(4 more of this kind since 12:00:00 UTC)"
    )


async def test_what_is_gone_or_refused_is_not_said_and_the_next_is(room: Room) -> None:
    await room.ask(1, component=CHECKOUT.model_copy(update={"name": "gone"}))
    room.cluster.refuse("create", Kind.EVENT)
    await room.ask(2)
    await room.made.publish(make(DecisionMade, verdict=Verdict.WAIT, request=None))
    assert len(room.bus.published) == 3
    assert await room.notes() == []


async def test_more_than_may_wait_is_dropped_and_still_published() -> None:
    room = Room()  # nobody says anything
    for number in range(WAITING + 5):
        await room.ask(number)
    assert len(room.bus.published) == WAITING + 5
