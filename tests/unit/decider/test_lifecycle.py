"""The state machine alone: any sequence of stimuli, in any order, any number of times."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.decider import GOOD, LIMITS, later, ready, started, world
from factories.events import ACTION_ID, ANOMALY_ID, CHECKOUT, INCIDENT_ID, NOW, make, open_anomaly
from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    AnomalyFlagged,
    ReviewAnswered,
    derive_id,
)
from ooda.common.taxonomy import ActionKind, Closure, FailureClass, Outcome
from ooda.decider.core.absorbing import (
    Answered,
    Due,
    Heard,
    Merged,
    Sighted,
    Stimulus,
    absorb,
    opened_by,
)
from ooda.decider.core.lifecycle import (
    CloseIncident,
    PublishDecision,
    Reserve,
    SetTimer,
    advance,
    effects_of,
)
from ooda.decider.core.record import Incident, Phase, Sighting, Sightings

ROLLED_BACK = derive_id("action", INCIDENT_ID, 1, ActionKind.ROLL_BACK_WORKLOAD)
OPEN = Sightings(seen={ANOMALY_ID: Sighting(since=NOW, flagged_at=NOW)})
PAYMENT = CHECKOUT.model_copy(update={"name": "payment"})
GONE = Sightings(seen={ANOMALY_ID: Sighting(since=NOW, cleared_at=NOW)})


def heard(event: object) -> Heard:
    return Heard(event, NOW)  # type: ignore[arg-type] # the strategies below mix classes of events


STIMULI: list[Stimulus] = [
    Sighted(),
    Due(),
    Merged("older"),
    Answered(make(ReviewAnswered)),
    heard(make(ActionApplied, action_id=ROLLED_BACK)),
    *(heard(started(attempt)) for attempt in (1, 2, 3)),
    *(heard(ready(attempt)) for attempt in (1, 2, 3)),
    *(
        heard(ready(attempt, failure_class=each))
        for attempt in (1, 2)
        for each in (FailureClass.HEALTHY, FailureClass.UNKNOWN, FailureClass.POD_KILLED)
    ),
    *(
        heard(make(ActionExecuted, action_id=each, outcome=outcome))
        for outcome in Outcome
        for each in (ACTION_ID, ROLLED_BACK)
    ),
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STIMULI),
            st.sampled_from([OPEN, GONE, Sightings()]),
            st.sampled_from([None, GOOD]),
            st.integers(0, 4000),
        ),
        max_size=15,
    )
)
def test_any_sequence_is_taken_with_one_action_in_flight_and_one_end(
    steps: list[tuple[Stimulus, Sightings, object, int]],
) -> None:
    record, now = opened_by(started()), 0
    ends = 0
    for stimulus, sightings, facts, passed in steps:
        now += passed
        before = record.model_copy(update={"outbox": ()})
        record, effects = advance(before, stimulus, sightings, world(facts=facts), later(now))
        again = advance(before, stimulus, sightings, world(facts=facts), later(now))
        assert (record, effects) == again
        reserved = [each for each in effects if isinstance(each, Reserve)]
        assert not (reserved and before.in_flight and record.in_flight == before.in_flight)
        waited_for = record.in_flight is not None and not record.in_flight.overdue
        assert (record.phase is Phase.ACTING) == waited_for
        ends += sum(isinstance(each, CloseIncident) for each in effects)
    assert ends == (record.phase is Phase.CLOSED)


@pytest.mark.parametrize("seen", [OPEN, Sightings()], ids=["flagged", "never-seen-flagged"])
def test_an_act_is_reserved_before_it_is_published(seen: Sightings) -> None:
    record, effects = advance(opened_by(ready()), heard(ready()), seen, world(), NOW)
    assert [type(each) for each in effects] == [Reserve, PublishDecision, SetTimer]
    assert record.in_flight is not None
    assert record.in_flight.action_id == ROLLED_BACK


def test_what_is_in_the_outbox_is_published_again_with_the_same_ids() -> None:
    record, effects = advance(opened_by(ready()), heard(ready()), OPEN, world(), NOW)
    restored = type(record).model_validate_json(record.model_dump_json())
    assert effects_of(restored) == tuple(e for e in effects if not isinstance(e, Reserve))


def test_a_started_diagnosis_voids_a_decision_that_was_only_waited_for() -> None:
    waiting, _ = advance(opened_by(started()), heard(ready()), OPEN, world(facts=None), NOW)
    assert waiting.phase is Phase.JUDGING
    voided, _ = advance(waiting, heard(started(2)), OPEN, world(), NOW)
    assert (voided.phase, voided.wakes_at) == (Phase.GATHERING, None)


def test_two_attempts_that_did_not_help_end_with_a_person_without_another_diagnosis() -> None:
    acting, _ = advance(opened_by(ready()), heard(ready()), OPEN, world(), NOW)
    once = acting.model_copy(update={"unhelpful": LIMITS.unhelpful - 1, "outbox": ()})
    undone = heard(make(ActionExecuted, action_id=ROLLED_BACK, outcome=Outcome.UNDONE))
    record, _ = advance(once, undone, OPEN, world(), NOW)
    assert record.phase is Phase.ASKING
    assert record.review is not None
    assert record.review.reason.startswith("2 attempts did not help")


LATER = "anomaly-that-joined-later"
BOTH = (open_anomaly(anomaly_id=ANOMALY_ID), open_anomaly(anomaly_id=LATER))
JOINED = Sightings(
    seen={
        ANOMALY_ID: Sighting(since=NOW, flagged_at=NOW, cleared_at=NOW),
        LATER: Sighting(since=NOW, flagged_at=NOW),
    }
)
ALL_GONE = Sightings(
    seen={key: each.model_copy(update={"cleared_at": NOW}) for key, each in JOINED.seen.items()}
)
KEPT = heard(make(ActionExecuted, action_id=ROLLED_BACK, outcome=Outcome.KEPT))


def joined_while_acting(*events: object) -> Incident:
    """Return the record after an action that helped, with an anomaly that joined meanwhile."""
    record, _ = advance(opened_by(ready()), heard(ready()), OPEN, world(), NOW)
    for event in events:
        record, _ = advance(record, heard(event), JOINED, world(), NOW)
    record, _ = advance(record, KEPT, JOINED, world(), NOW)
    return record


def test_what_joined_while_an_action_helped_is_not_closed_with_it() -> None:
    again = started(2).model_copy(update={"anomalies": BOTH})
    waiting = joined_while_acting(again, ready(2, anomalies=BOTH))
    assert (waiting.phase, waiting.wakes_at) == (Phase.WAITING, later(LIMITS.aftermath))

    judged, _ = advance(
        waiting, Due(), JOINED, world(facts=replace(GOOD, known_template=False)),
        later(LIMITS.aftermath),
    )  # fmt: skip
    assert judged.phase is Phase.ASKING
    closed, effects = advance(waiting, Sighted(), ALL_GONE, world(), later(1))
    assert closed.phase is Phase.CLOSED
    assert Closure.RESOLVED in [e.event.closure for e in effects if isinstance(e, CloseIncident)]


def test_what_joined_and_is_not_diagnosed_yet_waits_for_its_diagnosis() -> None:
    record = joined_while_acting(started(2).model_copy(update={"anomalies": BOTH}))
    assert record.phase is Phase.GATHERING


@pytest.mark.parametrize(
    ("sighting", "pod"),
    [
        pytest.param({}, "checkout-1", id="of-the-blamed"),
        pytest.param({"target": PAYMENT}, None, id="of-one-that-suffers"),
        pytest.param({"target": None}, None, id="of-nobody-known"),
        pytest.param({"cleared_at": NOW}, None, id="shows-it-no-more"),
    ],
)
def test_the_pod_is_one_of_the_component_that_is_blamed(
    sighting: dict[str, Any], pod: str | None
) -> None:
    seen = Sightings().add(make(AnomalyFlagged), NOW).seen[ANOMALY_ID]
    sightings = Sightings(seen={ANOMALY_ID: seen.model_copy(update=sighting)})
    # An earlier diagnosis chose a pod of another component.
    earlier = opened_by(ready()).model_copy(update={"pod": "payment-1"})
    assert absorb(earlier, heard(ready()), sightings, LIMITS, NOW).pod == pod
