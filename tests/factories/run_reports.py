"""The evaluation of a run that the agent has repaired: a test names only what it is about."""

from typing import Any

from factories.evaluated_runs import CHECKOUT, NAMESPACE, after, fault_run
from ooda.common.fault_runs import Ending, Phase
from ooda.common.run_reports import (
    Chosen,
    Detection,
    Diagnosed,
    RecoveredBy,
    RunReport,
    Stage,
    StageTime,
)
from ooda.common.taxonomy import ActionKind, FailureClass, Outcome

_REACHED = {
    Stage.REQUESTED: 0,
    Stage.MUTATED: 900,
    Stage.FLAGGED: 1900,
    Stage.DIAGNOSIS_STARTED: 2100,
    Stage.DIAGNOSED: 2900,
    Stage.APPLIED: 3400,
    Stage.RECOVERED: 8900,
}


def run_report(**given: Any) -> RunReport:
    run = fault_run()
    stages = {
        stage: StageTime(at=after(_REACHED[stage] / 1000), ms=_REACHED[stage], source="bus")
        if stage in _REACHED
        else None
        for stage in Stage
    }
    fields: dict[str, Any] = {
        "run_id": run.run_id,
        "scenario": run.scenario,
        "cluster_id": run.cluster_id,
        "namespace": NAMESPACE,
        "target": run.target,
        "parameters": {},
        "duration_seconds": 60.0,
        "phase": Phase.ENDED,
        "ending": Ending.EXPIRED,
        "problem": "",
        "truth": run.truth,
        "stages": stages,
        "clock_offset": None,
        "agent_seen": True,
        "detection": Detection(from_injection_ms=1200),
        "incidents": (),
        "unrelated_incidents": (),
        "diagnoses": (
            Diagnosed(
                at=after(2.9),
                incident_id="i",
                failure_class=FailureClass.IMAGE_PULL_FAILURE,
                component=CHECKOUT,
                confidence=0.97,
                class_right=True,
                component_right=True,
            ),
        ),
        "class_right": True,
        "component_right": True,
        "remediations": (
            Chosen(
                at=after(3),
                incident_id="i",
                action=ActionKind.ROLL_BACK_WORKLOAD,
                target=CHECKOUT,
                proposed=False,
                applied_at=after(3.4),
                outcome=Outcome.KEPT,
                accepted=True,
            ),
        ),
        "remediation_right": True,
        "recovered_by": RecoveredBy.AGENT,
        "recovery_ms": 8000,
        "repaired_by_agent": True,
    }
    return RunReport.model_validate(fields | given)
