"""What is published of an action: a function of its record alone, so again is the same. Pure."""

from typing import Any

from ooda.actor.core.guards import object_of
from ooda.actor.core.record import ActionRecord, State
from ooda.common.events import (
    SUMMARY_LIMIT,
    ActionApplied,
    ActionExecuted,
    ActionStarted,
    Event,
    derive_id,
)
from ooda.common.phrases import Deed, ended, planned, sentence, shortened
from ooda.common.plans import ResizeStep
from ooda.common.targets import WorkloadTarget


def announcements(record: ActionRecord) -> tuple[Event, ...]:
    """Return what has to be published when the state was entered, or again after a crash."""
    match record.state:
        case State.PLANNED:
            return (_started(record),)
        case State.APPLIED:
            return (_applied(record, undo=False),)
        case State.UNDONE:
            return (_applied(record, undo=True), _executed(record))
        case State.EXPIRED if record.restored:
            return (_applied(record, undo=True), _executed(record))
        case _ if record.ended:
            return (_executed(record),)
        case _:
            return ()


def _started(record: ActionRecord) -> ActionStarted:
    doing = sentence(_deed(record).doing())
    return ActionStarted(
        **_common(record, f"{doing}: the intent is written down, nothing is changed yet."),
        event_id=record.intent_id,
        occurred_at=record.changed_at,
        caused_by=(record.decision_event_id,),
        decision_id=record.decision_id,
        action=record.action,
        target=record.target,
        risk=record.risk,
        steps=record.steps,
        undo=record.undo,
        before=record.before,
        verification=record.verification,
        valid_until=record.valid_until,
    )


def _applied(record: ActionRecord, *, undo: bool) -> ActionApplied:
    objects = tuple(str(object_of(each)) for each in record.steps[: record.done])
    deed = _deed(record)
    said = f"{deed.doing()} was taken back." if undo else f"{deed.done()}."
    return ActionApplied(
        **_common(record, sentence(said)),
        event_id=derive_id("action.applied", record.action_id, "undo" if undo else "do"),
        occurred_at=record.changed_at,
        caused_by=(record.intent_id,),
        undo=undo,
        objects=objects,
    )


def _executed(record: ActionRecord) -> ActionExecuted:
    outcome = record.state.outcome
    if outcome is None:
        raise ValueError(f"action {record.action_id} has not ended")
    how = ended(_deed(record).doing(), outcome)
    return ActionExecuted(
        **_common(record, f"{how}: {record.reason}"),
        event_id=derive_id("action.executed", record.action_id),
        occurred_at=record.changed_at,
        caused_by=(record.decision_event_id,),
        decision_id=record.decision_id,
        attempt=record.attempt,
        outcome=outcome,
        reason=record.reason,
        before=record.health_before,
        after=record.health_after,
        wrote=record.done > 0,
        target=record.target,
        follow_up=_follow_up(record),
    )


def _follow_up(record: ActionRecord) -> str:
    """Say what is left to the owner of a template, with the command that does it."""
    steps = [each for each in record.steps if isinstance(each, ResizeStep)]
    if record.state is not State.KEPT or not steps or not isinstance(record.target, WorkloadTarget):
        return ""
    target, step = record.target, steps[0]
    limit = step.changes[0].after
    return (
        "Review its capacity: the memory limit was raised in the pods that run now, and why they "
        "need more is not known. New pods have the old limit again, until the template has this "
        f"one: kubectl -n {target.namespace} set resources "
        f"{target.workload_kind.lower()}/{target.name} -c {step.container} --limits=memory={limit}"
    )


def _common(record: ActionRecord, summary: str) -> dict[str, Any]:
    return {
        "action_id": record.action_id,
        "incident_id": record.incident_id,
        "cluster_id": record.cluster_id,
        "namespace": record.namespace,
        "summary": shortened(summary, SUMMARY_LIMIT),
    }


def _deed(record: ActionRecord) -> Deed:
    return planned(record.action, record.target, record.steps)
