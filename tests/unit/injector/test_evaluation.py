"""The evaluation of a run: whose incident it is, how fast, right or wrong, and who repaired it."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from factories.evaluated_runs import CHECKOUT, NAMESPACE, NOW, after, fault_run
from factories.events import ANOMALY_ID, INCIDENT_ID, make, open_anomaly, request
from ooda.common.events import (
    ActionApplied,
    ActionExecuted,
    AnomalyCleared,
    AnomalyFlagged,
    DecisionMade,
    DiagnosisReady,
    DiagnosisStarted,
    Event,
    FaultArmed,
    FaultRequested,
    IncidentClosed,
    ReviewRequested,
)
from ooda.common.fault_runs import FaultRun, GroundTruth, Phase, Publication
from ooda.common.plans import ObjectRef
from ooda.common.run_reports import RecoveredBy, RunReport, Stage
from ooda.common.targets import (
    EdgeTarget,
    NamespaceTarget,
    PodTarget,
    ServiceTarget,
    Target,
    WorkloadTarget,
)
from ooda.common.taxonomy import ActionKind, Closure, FailureClass, Outcome, Verdict
from ooda.injector.core.evaluation import evaluate
from ooda.injector.core.incidents import Told, belonging

CART = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="cart")


def told(seconds: float, event: type[Event], **given: Any) -> Told:
    made = make(event, **({"namespace": NAMESPACE} | given))
    return Told(made, after(seconds))


REQUESTED = Told(
    make(FaultRequested, event_id="request-1", run_id="image-pull-failure-1"), after(0.1)
)
FLAGGED = told(2, AnomalyFlagged)
STARTED = told(2.2, DiagnosisStarted)
READY = told(3, DiagnosisReady)
DECIDED = told(3.1, DecisionMade)
APPLIED = told(3.5, ActionApplied)
CLEARED = told(9, AnomalyCleared)
KEPT = told(20, ActionExecuted)
CLOSED = told(20.1, IncidentClosed)
HEALED = (FLAGGED, STARTED, READY, DECIDED, APPLIED, CLEARED, KEPT, CLOSED)


def report(*said: Told, run: FaultRun | None = None) -> RunReport:
    return evaluate(run or fault_run(), (REQUESTED,), said)


def reached(found: RunReport) -> dict[str, int]:
    return {str(stage): each.ms for stage, each in found.stages.items() if each is not None}


def test_healed_by_the_agent_every_stage_is_there_in_milliseconds() -> None:
    found = report(*HEALED)
    assert reached(found) == {
        "requested": 0,
        "admitted": 400,
        "armed": 800,
        "mutated": 900,
        "flagged": 1900,
        "diagnosis_started": 2100,
        "diagnosed": 2900,
        "decided": 3000,
        "applied": 3400,
        "recovered": 8900,
        "teardown_started": 59900,
        "reverted": 60900,
        "baseline_restored": 64900,
    }
    assert (found.detection.from_injection_ms, found.detection.from_effect_ms) == (1200, None)
    assert (found.class_right, found.component_right, found.remediation_right) == (True,) * 3
    assert (found.recovered_by, found.recovery_ms) == (RecoveredBy.AGENT, 8000)
    assert [each.outcome for each in found.remediations] == [Outcome.KEPT]
    assert [each.closure for each in found.incidents] == [Closure.RESOLVED]


def test_what_was_counted_on_nodes_and_who_else_was_hit() -> None:
    step = fault_run().steps[0].model_copy(update={"realised": {"loss_percent": 29.8}})
    found = report(
        run=fault_run(steps=(step,), bystanders={"Deployment/web": after(9)}, probe_period_ms=100)
    )
    assert found.realised == ({"loss_percent": 29.8},)
    assert found.bystanders == {"Deployment/web": after(9)}
    assert found.probe_period_ms == 100


def test_what_changed_nothing_is_reverted_when_it_is_verified() -> None:
    times = {key: at for key, at in fault_run().times.items() if key not in ("mutated", "holding")}
    assert reached(report(run=fault_run(times=times)))["reverted"] == 62900


def test_without_an_agent_its_stages_are_empty_and_the_run_expires() -> None:
    found = report()
    assert {stage for stage, at in found.stages.items() if at is None} == {
        Stage.EFFECTIVE,
        Stage.FLAGGED,
        Stage.DIAGNOSIS_STARTED,
        Stage.DIAGNOSED,
        Stage.DECIDED,
        Stage.APPLIED,
    }
    assert not found.agent_seen
    assert (found.class_right, found.component_right, found.remediation_right) == (None,) * 3
    assert found.detection.from_injection_ms is None
    assert (found.recovered_by, found.recovery_ms) == (RecoveredBy.EXPIRY, 64000)


def test_from_the_effect_if_that_is_known() -> None:
    times = {**fault_run().times, "effective": after(1.4)}
    found = report(*HEALED, run=fault_run(times=times))
    assert found.detection.from_effect_ms == 800
    assert found.recovery_ms == 7600


@pytest.mark.parametrize(
    ("given", "said", "by"),
    [
        ({}, HEALED, RecoveredBy.AGENT),
        ({}, HEALED[:6], RecoveredBy.AGENT),
        ({}, HEALED[:5], RecoveredBy.EXPIRY),
        ({}, (FLAGGED, STARTED, READY, CLEARED), RecoveredBy.EXPIRY),
        (
            {},
            (*HEALED[:6], told(20, ActionExecuted, outcome=Outcome.UNDONE)),
            RecoveredBy.EXPIRY,
        ),
        ({"repaired": after(5)}, HEALED, RecoveredBy.AGENT),
        ({"repaired": after(5)}, (), RecoveredBy.OTHERS),
        ({"recovered": after(62)}, HEALED, RecoveredBy.EXPIRY),
        ({"recovered": after(30), "repaired": after(5)}, HEALED, RecoveredBy.AGENT),
    ],
    ids=[
        "an action was kept and all is cleared",
        "it is not judged yet and all is cleared",
        "an action, and nothing is cleared",
        "all is cleared with no action: the agent's word alone is none",
        "its action was undone",
        "the change was seen repaired",
        "it was seen repaired with no agent",
        "the probe says that it was only the end",
        "the probe counts more than the change",
    ],
)
def test_recovered_by(given: dict[str, dt.datetime], said: Sequence[Told], by: RecoveredBy) -> None:
    assert report(*said, run=fault_run(times={**fault_run().times, **given})).recovered_by is by


def test_what_never_came_back_has_not_recovered() -> None:
    times = {key: at for key, at in fault_run().times.items() if key not in ("releasing", "ended")}
    found = report(run=fault_run(phase=Phase.TEARDOWN_FAILED, times=times))
    assert (found.recovered_by, found.recovery_ms) == (RecoveredBy.NONE, None)


@pytest.mark.parametrize(
    ("accepted", "said", "right"),
    [
        ((ActionKind.ROLL_BACK_WORKLOAD,), HEALED, True),
        ((ActionKind.RESTART_POD,), HEALED, False),
        ((ActionKind.ROLL_BACK_WORKLOAD,), (FLAGGED, STARTED, READY), False),
        ((), (FLAGGED, STARTED, READY), True),
        ((), HEALED, False),
        ((ActionKind.ROLL_BACK_WORKLOAD,), (FLAGGED, STARTED), None),
        (
            (ActionKind.ROLL_BACK_WORKLOAD,),
            (FLAGGED, STARTED, READY, told(4, ReviewRequested, proposal=request())),
            True,
        ),
        (
            (),
            (FLAGGED, STARTED, READY, told(4, ReviewRequested, proposal=request())),
            True,
        ),
        (
            (ActionKind.ROLL_BACK_WORKLOAD,),
            (
                *HEALED[:5],
                told(
                    30,
                    DecisionMade,
                    event_id="second",
                    request=request(action_id="second", action=ActionKind.RESTART_POD),
                ),
            ),
            False,
        ),
    ],
    ids=[
        "an accepted one",
        "another one",
        "none, where one would be right",
        "none, where none is right",
        "any, where none is right",
        "not diagnosed yet",
        "an accepted one is proposed",
        "proposed only, where none is right",
        "an accepted one and another one",
    ],
)
def test_remediation(
    accepted: tuple[ActionKind, ...], said: Sequence[Told], *, right: bool | None
) -> None:
    truth = GroundTruth(
        failure_class=FailureClass.IMAGE_PULL_FAILURE, component=CHECKOUT, accepted=accepted
    )
    assert report(*said, run=fault_run(truth=truth)).remediation_right is right


WRONG = told(2.5, DiagnosisReady, failure_class=FailureClass.CRASH_LOOP, component=CART)


@pytest.mark.parametrize(
    ("said", "class_right", "component_right"),
    [
        ((FLAGGED, STARTED, WRONG), False, False),
        ((FLAGGED, STARTED, WRONG, READY, DECIDED), True, True),
        ((FLAGGED, STARTED, READY, DECIDED, Told(WRONG.event, after(30))), True, True),
        ((FLAGGED, STARTED, READY, Told(WRONG.event, after(70))), True, True),
        ((FLAGGED, STARTED, told(3, DiagnosisReady, component=CART)), True, False),
        ((FLAGGED, STARTED, told(3, DiagnosisReady, component=None)), True, False),
    ],
    ids=[
        "wrong",
        "corrected before it chose",
        "what came after it chose does not count",
        "what came after the end does not count",
        "the right class of the wrong component",
        "of nothing",
    ],
)
def test_diagnosis(said: Sequence[Told], *, class_right: bool, component_right: bool) -> None:
    found = report(*said)
    assert (found.class_right, found.component_right) == (class_right, component_right)


def test_to_wait_is_no_decision_yet() -> None:
    waiting = told(3.1, DecisionMade, event_id="w", verdict=Verdict.WAIT, request=None)
    stage = report(FLAGGED, STARTED, READY, waiting, Told(DECIDED.event, after(5))).stages
    decided = stage[Stage.DECIDED]
    assert decided is not None
    assert decided.at == after(5)


def test_what_is_flagged_when_it_is_taken_back_is_no_detection() -> None:
    late = (Told(FLAGGED.event, after(61)), Told(STARTED.event, after(61.2)))
    found = report(*late)
    assert (found.stages[Stage.FLAGGED], found.detection.from_injection_ms) == (None, None)
    assert [each.incident_id for each in found.incidents] == [INCIDENT_ID]


def test_the_injectors_times_are_set_to_the_clock_of_the_bus() -> None:
    """Its clock is two seconds behind; the request has been stored by the bus anyway."""
    published = {
        FaultArmed.subject: Publication(sent=after(1.2), confirmed=after(1.3)),
        "fault.cleared": Publication(sent=after(66), confirmed=after(67)),
    }
    armed = told(3.25, FaultArmed, run_id="image-pull-failure-1")
    found = evaluate(fault_run(published=published), (REQUESTED, armed), ())
    assert found.clock_offset is not None
    assert (found.clock_offset.ms, found.clock_offset.uncertainty_ms) == (2000, 50)
    mutated = found.stages[Stage.MUTATED]
    assert mutated is not None
    assert (mutated.at, mutated.source) == (after(3), "injector")


def test_of_another_run_nothing_counts() -> None:
    other = told(1.25, FaultArmed, run_id="another")
    published = {FaultArmed.subject: Publication(sent=NOW, confirmed=NOW)}
    assert evaluate(fault_run(published=published), (other,), ()).clock_offset is None


POD = PodTarget(namespace=NAMESPACE, name="checkout-6d4cf56db6-x2x2x")
SERVICE = ServiceTarget(namespace=NAMESPACE, name="checkout")
FAR = {"target": CART, "related": ()}


@pytest.mark.parametrize(
    ("said", "belongs"),
    [
        ((FLAGGED,), True),
        ((told(2, AnomalyFlagged, target=POD),), True),
        ((told(2, AnomalyFlagged, target=CART, related=(CHECKOUT,)),), True),
        (
            (
                told(
                    2,
                    AnomalyFlagged,
                    target=EdgeTarget(namespace=NAMESPACE, client="cart", server="checkout"),
                ),
            ),
            True,
        ),
        ((told(2, AnomalyFlagged, **FAR),), False),
        ((told(2, AnomalyFlagged, target=NamespaceTarget(name="shop")),), False),
        ((told(2, AnomalyFlagged, namespace="another"),), False),
        ((told(2, AnomalyFlagged, target=SERVICE),), False),
    ],
    ids=[
        "of the target",
        "of a pod of it",
        "of what the agent relates to it",
        "of an edge to it",
        "of another workload",
        "of a namespace",
        "elsewhere",
        "of a Service that the run does not touch",
    ],
)
def test_an_anomaly_belongs(said: Sequence[Told], *, belongs: bool) -> None:
    found = belonging(fault_run(), said)
    assert (ANOMALY_ID in found.flagged, found.open) == (belongs, belongs)


@pytest.mark.parametrize(
    ("kind", "pod", "belongs"),
    [
        ("StatefulSet", "checkout-0", True),
        ("StatefulSet", "checkout-db-0", False),
        ("DaemonSet", "checkout-x2x2x", True),
        ("DaemonSet", "checkout-db-x2x2x", False),
    ],
)
def test_pods_are_told_by_their_names_as_each_kind_gives_them(
    kind: str, pod: str, *, belongs: bool
) -> None:
    where = ObjectRef(kind=kind, namespace=NAMESPACE, name="checkout", uid="w")
    said = told(2, AnomalyFlagged, target=PodTarget(namespace=NAMESPACE, name=pod))
    assert (ANOMALY_ID in belonging(fault_run(workload=where), (said,)).flagged) is belongs


def started(incident: str, *suspects: Target, anomaly: str = "far", **given: Any) -> Told:
    return told(
        3,
        DiagnosisStarted,
        event_id=f"{incident}-started",
        incident_id=incident,
        anomalies=(open_anomaly(anomaly_id=anomaly, target=CART),),
        suspects=suspects or (CART,),
        **given,
    )


def closed(incident: str, **given: Any) -> Told:
    return told(9, IncidentClosed, event_id=f"{incident}-closed", incident_id=incident, **given)


@pytest.mark.parametrize(
    ("said", "opened", "still"),
    [
        ((FLAGGED, started("a", anomaly=ANOMALY_ID)), {"a"}, True),
        ((started("a", CART, CHECKOUT),), {"a"}, True),
        ((started("a"),), set(), False),
        ((started("a", CHECKOUT), closed("a")), {"a"}, False),
        ((started("a"), started("b", CHECKOUT, absorbed=("a",))), {"a", "b"}, True),
        (
            (
                started("a", CHECKOUT),
                started("b"),
                closed("a", closure=Closure.MERGED, merged_into="b"),
            ),
            {"a", "b"},
            True,
        ),
        (
            (
                started("a", CHECKOUT),
                started("b", absorbed=("a",)),
                closed("a", closure=Closure.MERGED, merged_into="b"),
                closed("b"),
            ),
            {"a", "b"},
            False,
        ),
        (
            (
                FLAGGED,
                started("a", anomaly=ANOMALY_ID),
                closed("a", closure=Closure.HANDED_OVER),
            ),
            {"a"},
            False,
        ),
        ((FLAGGED, CLEARED), set(), False),
    ],
    ids=[
        "with an anomaly of the run",
        "that suspects its target",
        "about something else",
        "that is closed",
        "that another was merged into",
        "merged into one about something else",
        "and both are closed with the last",
        "handed over, its anomaly is a person's matter",
        "an anomaly that was cleared before there was any",
    ],
)
def test_an_incident_belongs(said: Sequence[Told], opened: set[str], *, still: bool) -> None:
    found = belonging(fault_run(), said)
    assert (set(found.opened), found.open) == (opened, still)


def test_what_is_about_something_else_is_told_of() -> None:
    assert report(started("a")).unrelated_incidents == ("a",)


def test_what_was_before_the_injection_is_not_of_the_run() -> None:
    early = [Told(each.event, after(0.5)) for each in (FLAGGED, STARTED, READY)]
    assert report(*early).incidents == ()


def test_what_begins_after_the_run_is_not_of_it() -> None:
    """Its target may be broken again, also by another run, before somebody asks for the report."""
    late = [Told(each.event, after(600)) for each in (FLAGGED, STARTED, READY)]
    found = report(*late)
    assert (found.incidents, found.unrelated_incidents) == ((), ())
    again = (
        told(600, AnomalyFlagged, anomaly_id="again"),
        told(
            600, DiagnosisReady, incident_id="again", anomalies=(open_anomaly(anomaly_id="again"),)
        ),
    )
    later = report(*HEALED, *again)
    assert [each.incident_id for each in later.incidents] == [INCIDENT_ID]


def test_an_incident_about_an_anomaly_of_the_run_may_begin_after_it() -> None:
    late = [Told(each.event, after(66)) for each in (STARTED, READY, CLOSED)]
    (found,) = report(FLAGGED, *late).incidents
    assert (found.opened_at, found.closed_at) == (after(66), after(66))


def test_an_action_of_the_run_is_the_one_of_its_incident() -> None:
    other = told(4, DecisionMade, event_id="o", incident_id="other", request=request())
    assert report(FLAGGED, STARTED, READY, other).remediations == ()
