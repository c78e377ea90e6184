"""What the demo makes of the events and states that it is told."""

import datetime as dt
from typing import Any

import pytest

from factories.events import ANOMALY_ID, CHECKOUT, INCIDENT_ID, NAMESPACE, NOW, make, open_anomaly
from ooda.common import events
from ooda.common.targets import PodTarget, WorkloadTarget
from ooda.common.taxonomy import Closure
from ooda.injector.library import load_scenarios
from ooda.testbed.demo.faults import FAULTS
from ooda.testbed.demo.turn import Turn, ready_again

POD = PodTarget(namespace=NAMESPACE, name="checkout-1")
CART = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="cart")


def deployment(generation: int, replicas: int = 2, **status: int) -> dict[str, Any]:
    whole = dict.fromkeys(
        ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas
    )
    return {
        "metadata": {"name": "checkout", "generation": generation},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": generation, **whole, **status},
    }


BEFORE = deployment(4)


def at(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def told(*heard: events.Event) -> Turn:
    turn = Turn(CHECKOUT, BEFORE, NOW)
    for each in heard:
        turn = turn.heard(each)
    return turn


FLAGGED = make(events.AnomalyFlagged, occurred_at=at(1))
STARTED = make(events.DiagnosisStarted, occurred_at=at(1.2))
DIAGNOSED = make(events.DiagnosisReady, occurred_at=at(2))
APPLIED = make(events.ActionApplied, occurred_at=at(3))
CLOSED = make(events.IncidentClosed, occurred_at=at(20), closure=Closure.RESOLVED)


def test_each_stage_is_reached_once_and_for_all() -> None:
    late = [
        make(type(each), occurred_at=at(60), event_id="late")
        for each in (FLAGGED, DIAGNOSED, APPLIED)
    ]
    turn = told(FLAGGED, STARTED, DIAGNOSED, APPLIED, *late, CLOSED)
    assert (turn.flagged, turn.diagnosed, turn.applied) == (at(1), at(2), at(3))
    assert (turn.incidents, turn.closure) == ((INCIDENT_ID,), Closure.RESOLVED)


def test_an_anomaly_of_a_pod_counts_for_its_workload() -> None:
    flagged = make(events.AnomalyFlagged, target=POD, related=(CHECKOUT,), occurred_at=at(1))
    assert told(flagged).anomalies == {ANOMALY_ID}


def test_what_happens_elsewhere_changes_nothing() -> None:
    elsewhere = (
        make(events.AnomalyFlagged, target=CART, anomaly_id="other"),
        make(
            events.DiagnosisStarted,
            incident_id="other",
            anomalies=(open_anomaly(anomaly_id="other", target=CART),),
        ),
        make(events.DiagnosisReady, incident_id="other"),
        make(events.IncidentClosed, incident_id="other"),
    )
    assert told(*elsewhere) == Turn(CHECKOUT, BEFORE, NOW)


def test_taking_an_action_back_is_no_repair() -> None:
    assert told(FLAGGED, STARTED, make(events.ActionApplied, undo=True)).applied is None


def test_a_person_who_is_asked_ends_the_turn_unhealed() -> None:
    turn = told(FLAGGED, STARTED, make(events.ReviewRequested, reason="two are as likely"))
    assert (turn.over, turn.healed, turn.asked) == (True, False, "two are as likely")


def test_what_a_person_approved_goes_on_until_it_is_healed() -> None:
    asked = told(FLAGGED, STARTED, make(events.ReviewRequested, review_id="r")).answered()
    assert (asked.over, asked.question, asked.approved) == (False, "r", True)
    again = asked.heard(make(events.ReviewRequested, reason="it did not help"))
    assert (again.over, again.asked) == (True, "it did not help")


def test_it_is_healed_when_the_incident_is_resolved_and_the_pods_are_there() -> None:
    turn = told(FLAGGED, STARTED, DIAGNOSED, APPLIED, CLOSED)
    assert not turn.over
    healed = turn.seen(deployment(6), at(9))
    assert (healed.over, healed.healed, healed.healthy) == (True, True, at(9))
    assert healed.seen(deployment(7), at(12)) is healed


def test_an_incident_that_went_away_by_itself_is_not_healed() -> None:
    turn = told(FLAGGED, STARTED, make(events.IncidentClosed, closure=Closure.CLEARED))
    assert not turn.seen(deployment(6), at(9)).over


@pytest.mark.parametrize(
    ("state", "ready"),
    [
        pytest.param(deployment(6), True, id="repaired"),
        pytest.param(deployment(4), False, id="not broken yet"),
        pytest.param(deployment(5), False, id="broken, and all pods are still there"),
        pytest.param(deployment(6, observedGeneration=5), False, id="not looked at yet"),
        pytest.param(deployment(6, readyReplicas=1), False, id="a pod is not ready"),
        pytest.param(deployment(6, updatedReplicas=1), False, id="a pod is of the other template"),
        pytest.param(deployment(6, replicas=3), False, id="a pod of the broken release is left"),
        pytest.param(deployment(6, 1), False, id="too few are wanted"),
        pytest.param({**deployment(6), "status": {}}, False, id="no status"),
    ],
)
def test_ready_again(state: dict[str, Any], *, ready: bool) -> None:
    assert ready_again(state, BEFORE) is ready


def test_each_fault_is_on_a_deployment_of_its_own() -> None:
    assert len({each.deployment for each in FAULTS}) == len(FAULTS) == 4
    for each in FAULTS:
        assert each.scenario in load_scenarios()
        assert each.deployment in each.arguments
