"""How a run that was followed ended, and how it is taken back."""

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from factories.fault_runs import T0, fault_run
from ooda.cli.following import (
    Followed,
    by_event,
    by_journal,
    take_back,
    to_its_end_by_journal,
)
from ooda.common.bus.injecting import NoLongerToldError
from ooda.common.cluster.interface import NotFound
from ooda.common.events import FaultCleared, FaultRefused, FaultRequested, FaultTeardownFailed
from ooda.common.fault_runs import Ending, Phase

HEAD: Mapping[str, Any] = {
    "event_id": "e",
    "summary": "s",
    "occurred_at": T0,
    "cluster_id": "c",
    "namespace": "fault-injection-shop",
    "run_id": "run-1",
    "scenario": "network-cut",
    "target": "cart",
}
REQUEST = FaultRequested(
    **HEAD, intensity=None, duration_seconds=60.0, valid_until=T0 + dt.timedelta(seconds=30)
)
WELL = {Ending.EXPIRED, Ending.REPAIRED, Ending.ABORTED}


@pytest.mark.parametrize("ending", Ending)
def test_a_run_that_was_armed_and_came_back_worked_if_it_was_made_and_seen(ending: Ending) -> None:
    cleared = FaultCleared(**HEAD, repaired_by_agent=False, ending=str(ending))
    told = by_event(cleared)
    assert (told.worked, told.back, told.interrupted) == (ending in WELL, True, False)
    written = by_journal(fault_run(phase=Phase.ENDED, ending=ending))
    assert (written.worked, written.back) == (ending in WELL, True)


def test_of_an_injector_that_does_not_say_why_it_worked() -> None:
    assert by_event(FaultCleared(**HEAD, repaired_by_agent=False)).worked


def test_what_was_never_armed_did_not_work_however_it_ended() -> None:
    run = fault_run(phase=Phase.ENDED, ending=Ending.ABORTED, expires_at=None)
    assert by_journal(run) == Followed(None, back=True, worked=False)
    refused = by_event(FaultRefused(**HEAD, code="busy", reason="r"))
    assert (refused.worked, refused.back) == (False, True)


@pytest.mark.parametrize("phase", [Phase.TEARDOWN_FAILED, Phase.VERIFYING])
def test_what_is_not_back_did_not_work(phase: Phase) -> None:
    run = fault_run(phase=phase, ending=Ending.EXPIRED)
    assert by_journal(run) == Followed(None, back=False, worked=False)
    failed = by_event(FaultTeardownFailed(**HEAD, reason="r"))
    assert (failed.worked, failed.back) == (False, False)


class Clock:
    """It stands."""

    def __init__(self, now: dt.datetime) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        return self._now


LATE = Clock(REQUEST.valid_until + dt.timedelta(hours=1))


class PaperJournal:
    """The journal of one run; it ends when it is aborted."""

    def __init__(self, phase: Phase | None = Phase.ACTIVE, looks: int = 0) -> None:
        self.phase, self._hidden = phase, looks
        self.aborts = 0

    async def patch(self, *_given: Any, **_more: Any) -> None:
        self._look()
        self.aborts += 1
        self.phase = Phase.ENDED

    async def get(self, *_given: Any) -> Mapping[str, Any]:
        self._look()
        assert self.phase is not None
        run = fault_run(phase=self.phase, ending=Ending.ABORTED)
        return {"spec": run.model_dump(mode="json")}

    def _look(self) -> None:
        self._hidden -= 1
        if self._hidden >= 0 or self.phase is None:
            raise NotFound("there is no such run")


async def never() -> Followed:
    await asyncio.Event().wait()
    raise AssertionError


async def refused() -> Followed:
    return by_event(FaultRefused(**HEAD, code="busy", reason="r"))


async def silent() -> Followed:
    raise NoLongerToldError("NATS is gone.")


@pytest.mark.parametrize("following", [never, silent])
@pytest.mark.parametrize("clock", [Clock(T0), LATE], ids=["at once", "an hour later"])
async def test_it_is_taken_back_whenever_that_is_asked_for(following: Any, clock: Clock) -> None:
    journal: Any = PaperJournal()
    task = asyncio.create_task(following())
    await asyncio.sleep(0)
    assert await take_back(journal, REQUEST, task, clock)
    assert journal.aborts == 1
    task.cancel()


@pytest.mark.parametrize("following", [never, silent])
async def test_it_may_be_written_down_a_little_later(following: Any) -> None:
    journal: Any = PaperJournal(looks=2)
    task = asyncio.create_task(following())
    await asyncio.sleep(0)
    assert await take_back(journal, REQUEST, task, Clock(T0))
    assert journal.aborts == 1
    task.cancel()


@pytest.mark.parametrize(("following", "clock"), [(refused, Clock(T0)), (never, LATE)])
async def test_what_was_never_written_down_is_back(following: Any, clock: Clock) -> None:
    journal: Any = PaperJournal(phase=None)
    task = asyncio.create_task(following())
    await asyncio.sleep(0)
    assert await take_back(journal, REQUEST, task, clock)
    assert journal.aborts == 0
    task.cancel()


async def test_when_nobody_tells_it_any_more_its_journal_says_how_it_ended() -> None:
    why = NoLongerToldError("NATS is gone.")
    journal: Any = PaperJournal(Phase.ENDED, looks=2)
    followed = await to_its_end_by_journal(journal, REQUEST, why, Clock(T0))
    assert followed == Followed(None, back=True, worked=True)
    nothing: Any = PaperJournal(phase=None)
    with pytest.raises(NoLongerToldError):
        await to_its_end_by_journal(nothing, REQUEST, why, LATE)
