"""The decider on a bus and a cluster in memory, with restarts at every write."""

import asyncio
import datetime as dt
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import NoOpTracer
from prometheus_client import CollectorRegistry

from factories.decider import LIMITS, later, ready, started
from factories.events import CHECKOUT, INCIDENT_ID, NAMESPACE, NOW, make
from fakes.deciding import Stage
from ooda.common.bus.interface import BusUnavailableError, PoisonError
from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    AnomalyCleared,
    AnomalyFlagged,
    DecisionMade,
    DiagnosisStarted,
    Event,
    IncidentClosed,
    ReviewAnswered,
    ReviewRequested,
)
from ooda.common.service import Context
from ooda.common.taxonomy import Closure, Outcome, Verdict
from ooda.common.testing.bus import delivery
from ooda.common.topology import DECIDER, DECIDER_PEOPLE
from ooda.decider.app import compose
from ooda.decider.settings import DeciderSettings

FLAGGED, CLEARED = make(AnomalyFlagged), make(AnomalyCleared)


def executed(stage: Stage, outcome: Outcome, **given: Any) -> ActionExecuted:
    made = [each for each in stage.bus.published if isinstance(each, DecisionMade)]
    request = next(each.request for each in reversed(made) if each.request is not None)
    return make(ActionExecuted, action_id=request.action_id, outcome=outcome, **given)


async def test_an_action_that_helps_resolves_the_incident_and_all_stages_have_times() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    kept = executed(stage, Outcome.KEPT)
    stage.clock.advance(5)
    await stage.tell(make(ActionApplied, action_id=kept.action_id))
    stage.clock.advance(60)
    await stage.tell(CLEARED, kept, kept)
    assert stage.said() == ["act", Closure.RESOLVED]
    closed = stage.bus.published[-1]
    assert isinstance(closed, IncidentClosed)
    assert None not in closed.times.model_dump().values()
    assert closed.times.verified == later(65)


async def test_an_anomaly_that_was_cleared_before_the_incident_was_known_closes_it() -> None:
    stage = Stage()
    await stage.tell(CLEARED, FLAGGED, started(), ready())
    assert stage.said() == [Closure.CLEARED]


async def test_a_newer_diagnosis_waits_for_the_action_in_flight() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready(), started(2), ready(2))
    assert stage.said() == ["act"]
    await stage.tell(executed(stage, Outcome.EXPIRED, wrote=False))
    assert stage.said() == ["act", "act"]


async def test_a_late_older_diagnosis_is_ignored() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), started(2), ready(1))
    assert stage.said() == []


async def test_what_did_not_help_is_not_repeated_and_a_person_is_asked() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    await stage.tell(executed(stage, Outcome.UNDONE), started(2), ready(2))
    assert stage.said() == ["act", "review", "asked"]
    await stage.tell(CLEARED)
    assert stage.said()[-1] == Closure.HANDED_OVER


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.CONFLICT, Outcome.UNDO_CONFLICT])
async def test_an_action_that_could_not_be_done_goes_to_a_person(outcome: Outcome) -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    await stage.tell(executed(stage, outcome), started(2), ready(2))
    assert stage.said() == ["act", "review", "asked", "review"]


async def test_a_wait_survives_a_restart() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    await stage.tell(executed(stage, Outcome.EXPIRED), started(2), ready(2))
    assert stage.said() == ["act", "wait"]
    await stage.wake_after(61)
    assert stage.said() == ["act", "wait", "act"]


async def test_standing_down_ends_with_a_person_at_the_deadline() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready(failure_class="healthy"))
    await stage.wake_after(119)
    assert stage.said() == ["stand_down"]
    await stage.wake_after(1)
    assert stage.said() == ["stand_down", "review", "asked"]


async def test_what_did_not_mend_itself_is_waited_for_once_and_anything_else_anew() -> None:
    other = CHECKOUT.model_copy(update={"name": "cart"})
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready(failure_class="healthy"))
    await stage.wake_after(120)
    assert stage.said() == ["stand_down", "review", "asked"]
    await stage.tell(ready(2, failure_class="healthy"))
    assert stage.said()[3:] == ["review"]
    await stage.tell(ready(3, failure_class="healthy", component=other))
    assert stage.said()[4:] == ["stand_down"]
    await stage.tell(ready(4, failure_class="healthy"))
    assert stage.said()[5:] == ["review"]


def absorbing(attempt: int = 2) -> DiagnosisStarted:
    """Return the older incident's event that says that it absorbed the one of the factories."""
    return started(attempt).model_copy(
        update={"incident_id": "older", "event_id": f"older-{attempt}", "absorbed": (INCIDENT_ID,)}
    )


def closures(stage: Stage) -> list[tuple[str, Closure, str | None]]:
    return [
        (each.incident_id, each.closure, each.merged_into)
        for each in stage.bus.published
        if isinstance(each, IncidentClosed)
    ]


MERGED = (INCIDENT_ID, Closure.MERGED, "older")


@pytest.mark.parametrize(
    "told",
    [
        [started(), absorbing()],
        [started(), ready(confidence=0.5), absorbing()],
        [started(), ready(failure_class="healthy"), absorbing()],
        [absorbing(), started(), ready()],
        [started(), absorbing(), ready(), absorbing(), absorbing(3), started()],
    ],
    ids=["gathering", "asking", "standing-down", "heard-late", "again"],
)
async def test_an_absorbed_incident_ends_once_as_merged_and_nothing_is_done(
    told: list[Event],
) -> None:
    stage = Stage()
    await stage.tell(FLAGGED, *told)
    assert closures(stage) == [MERGED]
    assert "act" not in stage.said()


async def test_an_absorbed_incident_is_forgotten_for_good() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), absorbing())
    await stage.wake_after(3600)
    await stage.tell(absorbing(3))
    assert closures(stage) == [MERGED]
    assert [each.incident_id for each in stage.desk.incidents()] == ["older"]


@pytest.mark.parametrize("outcome", [Outcome.KEPT, Outcome.UNDONE, Outcome.REFUSED])
async def test_an_absorbed_incident_ends_after_its_action_has(outcome: Outcome) -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready(), absorbing())
    assert stage.said() == ["act"]
    ended = executed(stage, outcome)
    await stage.tell(ended, ended)
    assert closures(stage) == [MERGED]
    assert stage.said() == ["act", Closure.MERGED]


async def test_what_did_not_help_an_absorbed_incident_is_not_repeated_for_the_other() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    undone = executed(stage, Outcome.UNDONE)
    await stage.tell(absorbing(), undone, ready(2, incident_id="older"))
    assert stage.said() == ["act", Closure.MERGED, "review", "asked"]


async def test_what_a_person_has_already_stays_with_a_person_when_it_is_absorbed() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    refused = executed(stage, Outcome.REFUSED)
    await stage.tell(refused)
    seen = len(stage.said())
    await stage.tell(absorbing(), refused, ready(2, incident_id="older"))
    assert stage.said()[seen:] == [Closure.MERGED, "review", "asked"]


async def test_a_review_is_asked_once_more_and_then_stays_open() -> None:
    stage = Stage("propose")
    await stage.tell(FLAGGED, started(), ready())
    for _ in range(3):
        await stage.wake_after(LIMITS.review_for)
    assert stage.said() == ["review", "asked", "asked"]
    assert stage.desk.status() == {"asking": "1"}


async def test_observe_mode_stands_down_for_good() -> None:
    stage = Stage("observe")
    await stage.tell(FLAGGED, started(), ready())
    await stage.wake_after(9000)
    assert stage.said() == [Verdict.STAND_DOWN]


async def test_nothing_is_decided_while_the_cluster_is_away() -> None:
    stage = Stage()
    stage.cluster.set_unavailable(True)
    await stage.tell(FLAGGED, started(), ready())
    await stage.wake_after(2)
    assert stage.said() == []
    stage.cluster.set_unavailable(False)
    await stage.wake_after(2)
    assert stage.said() == ["act"]


async def test_a_person_is_asked_when_the_cluster_stays_away_and_it_goes_on_when_it_is_back() -> (
    None
):
    stage = Stage()
    stage.cluster.set_unavailable(True)
    await stage.tell(FLAGGED, started(), ready())
    await stage.wake_after(LIMITS.away_for - 1)
    assert stage.said() == []
    await stage.wake_after(2)
    assert stage.said() == ["review", "asked"]
    asked = stage.bus.published[-1]
    assert isinstance(asked, ReviewRequested)
    assert asked.reason == "The API server has not answered for 301 s."
    await stage.wake_after(60)
    assert stage.said() == ["review", "asked"]
    stage.cluster.set_unavailable(False)
    await stage.tell(started(2), ready(2))
    assert stage.said() == ["review", "asked", "act"]


LONGEST = 30 + 300 + 60 + 60
"""Of a roll-back: validity, deadline, hold and the margin."""


async def test_an_action_of_which_nothing_is_heard_goes_to_a_person() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    await stage.wake_after(LONGEST - 1)
    assert stage.said() == ["act"]
    await stage.wake_after(1)
    assert stage.said() == ["act", "review", "asked"]
    await stage.wake_after(LIMITS.review_for)
    assert stage.said() == ["act", "review", "asked", "asked"]
    (reservation,) = (await stage.budgets()).reservations
    assert reservation.overdue


async def test_nothing_is_done_to_a_workload_while_the_end_of_an_action_on_it_is_missed() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    await stage.wake_after(LONGEST)
    seen = len(stage.said())
    await stage.tell(ready(incident_id="second"))
    assert stage.said()[seen:] == ["review", "asked"]
    asked = stage.bus.published[-1]
    assert isinstance(asked, ReviewRequested)
    assert "Nothing was heard of the end" in asked.reason
    await stage.wake_after(LIMITS.window)
    await stage.tell(ready(2, incident_id="second"))
    assert stage.said()[-1] == "act"


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        (Outcome.KEPT, [Closure.RESOLVED]),
        (Outcome.EXPIRED, ["review"]),
        (Outcome.UNDONE, ["review"]),
        (Outcome.REFUSED, ["review", "review"]),
    ],
)
async def test_the_late_end_of_an_action_is_taken(outcome: Outcome, then: list[str]) -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    await stage.wake_after(LONGEST)
    seen = len(stage.said())
    ended = executed(stage, outcome)
    await stage.tell(ended, ended, started(2), ready(2))
    assert stage.said()[seen:] == then


async def test_an_overdue_action_does_not_keep_the_incident_open() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    await stage.wake_after(LONGEST)
    ended = executed(stage, Outcome.KEPT)
    await stage.tell(CLEARED, ended)
    assert stage.said()[3:] == [Closure.HANDED_OVER]


async def test_the_record_of_a_closed_incident_goes_after_an_hour() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), CLEARED)
    await stage.wake_after(3599)
    assert len(stage.desk.incidents()) == 1
    await stage.wake_after(1)
    assert stage.desk.incidents() == ()


async def test_an_answer_in_the_name_of_another_is_poison() -> None:
    stage = Stage()
    given_ = delivery(make(ReviewAnswered))
    forged = given_.__class__(
        event=make(ReviewAnswered, person="mallory"),
        subject=given_.subject,
        stream=given_.stream,
        sequence=1,
        stored_at=NOW,
        deliveries=1,
        payload=b"",
        headers={},
    )
    with pytest.raises(PoisonError):
        await stage.handlers.on_answer(forged)


STORIES: dict[str, list[Event]] = {
    "review": [FLAGGED, started(), ready(confidence=0.5), CLEARED],
    "act": [FLAGGED, started(), ready(), started(2), ready(2)],
    "late": [CLEARED, ready(), FLAGGED, started()],
    "merged": [FLAGGED, started(), ready(confidence=0.5), absorbing(), absorbing(3)],
}


@settings(deadline=None)  # what it says counts, not how fast a busy machine runs it
@given(
    story=st.sampled_from(sorted(STORIES)),
    fail_at=st.integers(1, 14),
    done=st.booleans(),
    publishing=st.booleans(),
    twice=st.booleans(),
)
async def test_a_crash_at_any_write_changes_nothing_that_is_said(
    *, story: str, fail_at: int, done: bool, publishing: bool, twice: bool
) -> None:
    undisturbed = Stage()
    await undisturbed.tell(*STORIES[story])
    stage = Stage()
    stage.bucket.fail_at, stage.bucket.done = fail_at, done
    for number, event in enumerate(STORIES[story]):
        if publishing and number == fail_at % len(STORIES[story]):
            stage.bus.failure = BusUnavailableError("away")
        await _until_handled(stage, event)
        if twice:
            await stage.tell(event)
    assert [each.event_id for each in stage.bus.published] == [
        each.event_id for each in undisturbed.bus.published
    ]
    acts = [each for each in stage.said() if each == "act"]
    assert len(acts) <= 1


async def _until_handled(stage: Stage, event: Event) -> None:
    for _ in range(5):
        try:
            await stage.tell(event)
        except BusUnavailableError:
            stage.bus.failure = None
            stage.restart()
        else:
            return


@settings(deadline=None)
@given(st.lists(st.sampled_from(["one", "two", "three", "kept", "undone"]), max_size=12))
async def test_never_two_actions_in_flight_on_one_workload_and_never_over_budget(
    steps: list[str],
) -> None:
    stage = Stage()
    flying: dict[str, ActionExecuted] = {}
    attempts = 0
    for step in steps:
        stage.clock.advance(70)
        if step in ("kept", "undone"):
            for key in list(flying):
                outcome = flying.pop(key).model_copy(update={"outcome": Outcome(step)})
                await stage.tell(outcome)
            continue
        attempts += 1
        seen = len(stage.bus.published)
        await stage.tell(ready(attempts, incident_id=step))
        await stage.desk.wake()
        for event in stage.bus.published[seen:]:
            if isinstance(event, DecisionMade) and event.request is not None:
                flying[event.incident_id] = make(
                    ActionExecuted,
                    incident_id=event.incident_id,
                    action_id=event.request.action_id,
                )
        assert len(flying) <= 1
        if stage.bucket.writes and flying:
            budgets = await stage.budgets()
            recent = [e for e in budgets.reservations if e.reserved_at > _hour_before(stage)]
            assert len(recent) <= LIMITS.per_workload


def _hour_before(stage: Stage) -> dt.datetime:
    return stage.clock.now() - dt.timedelta(seconds=LIMITS.window)


async def test_a_reservation_that_a_crash_left_is_dropped_when_nothing_is_done_with_it() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started())
    # The first write is the reservation, the second the record: it fails.
    stage.bucket.fail_at = stage.bucket.writes + 2
    with pytest.raises(BusUnavailableError):
        await stage.tell(ready())
    assert len((await stage.budgets()).reservations) == 1
    stage.cluster.put(Kind.NAMESPACE, {"metadata": {"name": NAMESPACE}})
    await stage.tell(ready())
    assert stage.said() == ["review", "asked"]
    assert (await stage.budgets()).reservations == ()


async def test_the_timer_wakes_what_is_due_while_it_runs() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready(failure_class="healthy"))
    stage.bus.said.clear()
    stage.clock.advance(120)
    running = asyncio.create_task(stage.desk.run())
    await asyncio.wait_for(stage.bus.said.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stage.said()[:2] == ["stand_down", "review"]


async def test_it_is_composed_of_what_the_runtime_gives() -> None:
    stage = Stage()
    context = Context(
        settings=DeciderSettings(),
        cluster_id="c",
        clock=stage.clock,
        bus=lambda _account: stage.bus,
        api=cast("Any", stage.cluster),
        tracer=NoOpTracer(),
        metrics=CollectorRegistry(),
    )
    app = await compose(context)
    loop, people = app.consumers
    assert (loop.consumer, people.consumer) == (DECIDER, DECIDER_PEOPLE)
    assert app.status() == {}
    assert context.metrics.get_sample_value("ooda_decider_incidents_open") == 0


async def test_what_prometheus_reads_of_an_incident() -> None:
    stage = Stage()
    await stage.tell(FLAGGED, started(), ready())
    stage.clock.advance(3)
    kept = executed(stage, Outcome.KEPT)
    await stage.tell(make(ActionApplied, action_id=kept.action_id))
    assert stage.desk.count_open() == 1
    await stage.tell(CLEARED, kept)
    value = stage.metrics.get_sample_value
    assert value("ooda_decider_decisions_total", {"verdict": Verdict.ACT}) == 1
    assert value("ooda_decider_reviews_total") == 0
    assert value("ooda_decider_incidents_closed_total", {"closure": Closure.RESOLVED}) == 1
    applied = {"stage": "decided_to_applied"}
    assert value("ooda_decider_stage_seconds_sum", applied) == 3
    assert stage.desk.count_open() == 0
