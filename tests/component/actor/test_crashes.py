"""Killed before or after every single effect, and started again; two actors at the same time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from factories.actions import snapshot
from factories.events import make
from fakes.acting import (
    DELETED,
    PATCHED,
    RESIZED,
    Acting,
    TakingBack,
    decision,
    shop_in,
    starve,
)
from fakes.actor_cluster import ActorCluster
from ooda.actor.core.record import ActionRecord, State
from ooda.actor.planning import Planner
from ooda.common.clock import SystemClock
from ooda.common.events import ActionExecuted, ActionStarted, DecisionMade, Event
from ooda.common.plans import Verification
from ooda.common.taxonomy import ActionKind, Outcome
from ooda.common.testing.bus import MemoryBucket, MemoryBus, delivery
from ooda.common.topology import ACTIONS

HEALS = Verification(hold_seconds=0.03, deadline_seconds=5)
FAILS = Verification(hold_seconds=0.03, deadline_seconds=0.3)
ROLL_BACK = {"verification": HEALS}
RESTART = {
    "action": ActionKind.RESTART_POD,
    "parameters": {"pod": "checkout-1-a"},
    "verification": HEALS,
}
RAISE = {
    "action": ActionKind.RAISE_MEMORY_LIMIT,
    "parameters": {"pod": "checkout-1-a"},
    "verification": HEALS,
}
LOWER = RAISE | {"verification": FAILS}
UNDO = {"action": ActionKind.SCALE_TO_KNOWN_GOOD, "verification": FAILS}
EFFECTS = 18
"""More than any of these actions has from its decision to its end."""


class Died(Exception):  # noqa: N818 - what the process did
    """The process is no more: nothing that it still tries has an effect."""


class Fate:
    """Kills at one effect, before or after it."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.at, self.after = at, after
        self.count = 0
        self.dead = False

    async def meet(self, effect: Callable[[], Awaitable[Any]]) -> Any:
        if self.dead:
            raise Died
        mine = self.count == self.at
        self.count += 1
        if mine and not self.after:
            self.dead = True
            raise Died
        result = await effect()
        if mine:
            self.dead = True
            raise Died
        return result


class FatefulBucket(MemoryBucket[ActionRecord]):
    fate: Fate

    async def put(self, key: str, record: ActionRecord, revision: int | None) -> int:
        put = super().put
        return int(await self.fate.meet(lambda: put(key, record, revision)))


class FatefulBus(MemoryBus):
    fate: Fate

    async def publish(self, event: Event) -> None:
        publish = super().publish
        await self.fate.meet(lambda: publish(event))


class FatefulCluster(ActorCluster):
    fate: Fate

    async def patch(self, *given: Any, dry_run: bool = False) -> Any:
        patch = super().patch
        if dry_run:
            return await patch(*given, dry_run=True)
        return await self.fate.meet(lambda: patch(*given))

    async def resize(self, *given: Any, dry_run: bool = False) -> Any:
        resize = super().resize
        if dry_run:
            return await resize(*given, dry_run=True)
        return await self.fate.meet(lambda: resize(*given))

    async def delete(self, *given: Any, uid: str, dry_run: bool = False) -> None:
        delete = super().delete
        if not dry_run:
            await self.fate.meet(lambda: delete(*given, uid=uid))


def doomed(fate: Fate, made: DecisionMade, *, heals: bool) -> Acting:
    api, bus = FatefulCluster(), FatefulBus()
    shop_in(api)
    if made.request and made.request.action is ActionKind.RAISE_MEMORY_LIMIT:
        starve(api)
    bucket = FatefulBucket(ActionRecord)
    bus._buckets[ACTIONS.name] = bucket  # noqa: SLF001 - one that can die
    api.fate = bus.fate = bucket.fate = fate
    planner = Planner if heals else TakingBack
    return Acting(api=api, bus=bus, heals=heals, planner=planner)


async def live_twice(fate: Fate, made: DecisionMade, *, heals: bool) -> Acting:
    acting = doomed(fate, made, heals=heals)
    async with acting.actor() as handlers:
        with contextlib.suppress(Died):
            await handlers.on_loop(delivery(made))
        await acting.until(lambda: fate.dead or acting.executed())
    fate.dead = False
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(made, deliveries=2))
        await acting.until(acting.executed)
    return acting


@pytest.mark.parametrize(
    ("chosen", "heals", "writes"),
    [
        (ROLL_BACK, True, [PATCHED]),
        (RESTART, True, [DELETED]),
        (RAISE, True, [RESIZED]),
        (UNDO, False, [PATCHED] * 2),
        (LOWER, False, [RESIZED] * 2),
    ],
    ids=["roll_back", "restart", "resize", "undo", "undo of a resize"],
)
@pytest.mark.parametrize("at", range(EFFECTS))
async def test_killed_at_any_effect(
    at: int, chosen: Any, *, heals: bool, writes: list[str]
) -> None:
    made = decision(valid_seconds=20, request=chosen)
    for after in (False, True):
        acting = await live_twice(Fate(at, after=after), made, heals=heals)
        assert acting.api.writes == writes
        (ended,) = acting.executed()
        assert ended.outcome is (Outcome.KEPT if heals else Outcome.UNDONE)
        assert len(acting.said(ActionStarted)) == 1


async def test_two_actors_at_the_same_time_write_once() -> None:
    acting = Acting()
    made = decision()
    async with acting.actor() as one, acting.actor() as other:
        await asyncio.gather(one.on_loop(delivery(made)), other.on_loop(delivery(made)))
        await acting.until(acting.executed)
    assert acting.api.writes == [PATCHED]
    assert [each.outcome for each in acting.said(ActionExecuted)] == [Outcome.KEPT]


@pytest.mark.parametrize("state", list(State))
async def test_goes_on_from_any_state(state: State) -> None:
    acting = Acting()
    now = SystemClock().now()
    made = decision()
    async with acting.actor() as handlers:
        await handlers.on_loop(delivery(made))
        await acting.until(acting.executed)
    bucket = acting.bus.bucket(ACTIONS, ActionRecord)
    stored = await bucket.get(acting.executed()[0].action_id)
    assert stored is not None
    acting.bus.published.clear()
    again = stored.record.enter(state, now, "A test says so.")
    again = again.model_copy(update={"announced": False, "deadline": now})
    await bucket.put(again.action_id, again, stored.revision)
    async with acting.actor() as handlers:
        await handlers.on_telemetry(delivery(snapshot(SystemClock().now())))
        await acting.until(acting.executed)
    taken_back = state is State.UNDOING
    assert acting.api.writes == [PATCHED] * (2 if taken_back else 1)


async def test_an_invalid_record_stops_the_actor_and_says_which() -> None:
    acting = Acting()
    acting.bus.bucket(ACTIONS, ActionRecord).write("an-action", b'{"state": "nonsense"}')
    with pytest.raises(ValueError, match="an-action"):
        async with acting.actor():
            pass


async def test_a_confirmation_of_an_unknown_action_is_nothing() -> None:
    acting = Acting()
    async with acting.actor() as handlers:
        await handlers.driver.confirm("unknown", make(ActionStarted).event_id)
    assert await acting.bus.bucket(ACTIONS, ActionRecord).keys() == []
