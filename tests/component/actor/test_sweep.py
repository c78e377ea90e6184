"""Old records are deleted; that this fails for once is no reason to end."""

import datetime as dt

import pytest

from factories.actions import record
from fakes.acting import Acting, decision
from ooda.actor.core.record import RETENTION, ActionRecord, State
from ooda.common.bus.interface import BusUnavailableError
from ooda.common.clock import SystemClock
from ooda.common.taxonomy import Outcome
from ooda.common.testing.bus import MemoryBucket, delivery
from ooda.common.topology import ACTIONS


class Sweeping(MemoryBucket[ActionRecord]):
    """A bucket that is told whether it can be reached to delete."""

    away = False
    tried = 0

    async def delete(self, key: str) -> None:
        self.tried += 1
        if self.away:
            raise BusUnavailableError("no answer")
        await super().delete(key)


@pytest.mark.parametrize("away", [False, True])
async def test_goes_on_whether_an_old_record_could_be_deleted_or_not(*, away: bool) -> None:
    acting, bucket = Acting(), Sweeping(ActionRecord)
    bucket.away = away
    acting.bus._buckets[ACTIONS.name] = bucket  # noqa: SLF001 - one that can be away
    ended_at = SystemClock().now() - RETENTION - dt.timedelta(seconds=1)
    old = record(State.KEPT, action_id="old", changed_at=ended_at, announced=True)
    await bucket.put("old", old, None)
    async with acting.actor() as handlers:
        await acting.until(lambda: bucket.tried)
        await handlers.on_loop(delivery(decision()))
        await acting.until(acting.executed)
    assert (await bucket.get("old") is not None) is away
    assert acting.executed()[0].outcome is Outcome.KEPT
