"""Events with every field filled in, so that a test names only what it is about."""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

from ooda.common import events
from ooda.common.plans import Verification
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import (
    ActionKind,
    Closure,
    FailureClass,
    Mode,
    Outcome,
    Risk,
    Settlement,
    Signal,
    Verdict,
)

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)
NAMESPACE = "fault-injection-shop"
CHECKOUT = WorkloadTarget(namespace=NAMESPACE, workload_kind="Deployment", name="checkout")
ANOMALY_ID = events.derive_id("anomaly", "one")
INCIDENT_ID = events.derive_id("incident", ANOMALY_ID)
ACTION_ID = events.derive_id("action", INCIDENT_ID, 1)

Each = TypeVar("Each", bound=events.Event)


def open_anomaly(**given: Any) -> events.OpenAnomaly:
    return events.OpenAnomaly(
        **{
            "anomaly_id": ANOMALY_ID,
            "signal": Signal.IMAGE_PULL,
            "target": CHECKOUT,
            "since": NOW,
        }
        | given
    )


def request(**given: Any) -> events.ActionRequest:
    return events.ActionRequest(
        **{
            "action_id": ACTION_ID,
            "action": ActionKind.ROLL_BACK_WORKLOAD,
            "target": CHECKOUT,
            "risk": Risk.REVERSIBLE,
            "verification": Verification(hold_seconds=5, deadline_seconds=60),
        }
        | given
    )


def _anomaly() -> dict[str, Any]:
    return {"anomaly_id": ANOMALY_ID, "signal": Signal.IMAGE_PULL, "target": CHECKOUT, "since": NOW}


_DEFAULTS: dict[type[events.Event], Callable[[], dict[str, Any]]] = {
    events.TelemetrySnapshot: lambda: {
        "freshness": (),
        "workloads": (),
        "pods": (),
        "graph": (),
        "anomalies": (),
    },
    events.AnomalyFlagged: lambda: _anomaly() | {"hard": True, "pod": "checkout-1"},
    events.AnomalyCleared: _anomaly,
    events.DiagnosisStarted: lambda: {
        "attempt": 1,
        "opened_at": NOW,
        "anomalies": (open_anomaly(),),
        "suspects": (CHECKOUT,),
        "reason": "opened",
    },
    events.DiagnosisReady: lambda: {
        "attempt": 1,
        "failure_class": FailureClass.IMAGE_PULL_FAILURE,
        "component": CHECKOUT,
        "confidence": 0.97,
        "margin": 0.9,
        "change": None,
        "agreeing": (),
        "contradicting": (),
        "hypotheses": (),
        "findings": (),
        "anomalies": (open_anomaly(),),
    },
    events.DecisionMade: lambda: {
        "decision_id": events.derive_id("decision", INCIDENT_ID, 1),
        "attempt": 1,
        "verdict": Verdict.ACT,
        "reason": "the evidence is good enough",
        "valid_until": NOW + dt.timedelta(seconds=30),
        "mode": Mode.AUTO,
        "threshold": 0.9,
        "request": request(),
        "anomalies": (ANOMALY_ID,),
    },
    events.ReviewRequested: lambda: {
        "review_id": events.derive_id("review", INCIDENT_ID, 1),
        "question": "What is to be done?",
        "reason": "no action is known",
        "expires_at": NOW + dt.timedelta(hours=1),
        "failure_class": FailureClass.UNKNOWN,
        "component": None,
        "confidence": 0.4,
    },
    events.ReviewAnswered: lambda: {
        "review_id": events.derive_id("review", INCIDENT_ID, 1),
        "person": "alice",
        "answer": "approve",
    },
    events.ReviewSettled: lambda: {
        "review_id": events.derive_id("review", INCIDENT_ID, 1),
        "answer_id": "answer-1",
        "person": "alice",
        "settlement": Settlement.ACTING,
        "reason": "Rolling back Deployment checkout.",
    },
    events.ActionStarted: lambda: {
        "action_id": ACTION_ID,
        "decision_id": events.derive_id("decision", INCIDENT_ID, 1),
        "action": ActionKind.ROLL_BACK_WORKLOAD,
        "target": CHECKOUT,
        "risk": Risk.REVERSIBLE,
        "steps": (),
        "undo": "keep",
        "before": (),
        "verification": Verification(),
        "valid_until": NOW + dt.timedelta(seconds=30),
    },
    events.ActionRecorded: lambda: {
        "action_id": ACTION_ID,
        "intent_id": events.derive_id("action.started", ACTION_ID),
        "row_hash": "0" * 64,
    },
    events.ActionApplied: lambda: {"action_id": ACTION_ID, "objects": (str(CHECKOUT),)},
    events.ActionExecuted: lambda: {
        "action_id": ACTION_ID,
        "decision_id": events.derive_id("decision", INCIDENT_ID, 1),
        "attempt": 1,
        "outcome": Outcome.KEPT,
        "reason": "the symptom is gone",
        "before": None,
        "after": None,
        "wrote": True,
    },
    events.IncidentClosed: lambda: {
        "closure": Closure.RESOLVED,
        "failure_class": FailureClass.IMAGE_PULL_FAILURE,
        "component": CHECKOUT,
        "reason": "the action helped",
        "times": events.StageTimes(since=NOW, flagged=NOW),
    },
    events.FaultRequested: lambda: {
        "intensity": None,
        "duration_seconds": 60.0,
        "valid_until": NOW,
    },
    events.FaultRefused: lambda: {"code": "not_on_list", "reason": "not on the list"},
    events.FaultArmed: lambda: {"expires_at": NOW},
    events.FaultEffective: lambda: {
        "failing_since": NOW,
        "probe_period_ms": 100,
        "failure_class": FailureClass.POD_KILLED,
        "component": CHECKOUT,
    },
    events.FaultCleared: lambda: {"repaired_by_agent": False},
    events.FaultTeardownFailed: lambda: {"reason": "the policy is still there"},
    events.DeadLetter: lambda: {
        "service": "actor",
        "stream": "LOOP",
        "sequence": 7,
        "original_subject": "decision.made",
        "error": "ValueError: nonsense",
        "deliveries": 1,
        "payload": "{}",
    },
}


def make(event: type[Each], **given: Any) -> Each:
    """Return an event of a class; what is not given has a default that makes sense."""
    fields: dict[str, Any] = {
        "event_id": events.derive_id(event.subject, "test"),
        "summary": f"{event.subject} on {CHECKOUT}",
        "occurred_at": NOW,
        "cluster_id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "namespace": NAMESPACE,
    }
    if issubclass(event, events.IncidentEvent):
        fields["incident_id"] = INCIDENT_ID
    if issubclass(event, events.FaultEvent):
        fields |= {"run_id": "run-1", "scenario": "pod-kill", "target": "checkout"}
    return event(**fields | _DEFAULTS[event]() | given)
