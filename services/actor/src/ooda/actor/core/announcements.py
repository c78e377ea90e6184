"""What is published of an action: a function of its record alone, so again is the same. Pure."""

from typing import Any

from ooda.actor.core.guards import object_of
from ooda.actor.core.record import ActionRecord, State
from ooda.common.events import ActionApplied, ActionExecuted, ActionStarted, Event, derive_id

_SUMMARY = 400


def announcements(record: ActionRecord) -> tuple[Event, ...]:
    """Return what has to be published when the state was entered, or again after a crash."""
    match record.state:
        case State.PLANNED:
            return (_started(record),)
        case State.APPLIED:
            return (_applied(record, undo=False),)
        case State.UNDONE:
            return (_applied(record, undo=True), _executed(record))
        case _ if record.ended:
            return (_executed(record),)
        case _:
            return ()


def _started(record: ActionRecord) -> ActionStarted:
    verb = record.action.value.replace("_", " ")
    return ActionStarted(
        **_common(record, f"The actor is about to {verb} on {record.target}."),
        event_id=record.intent_id,
        occurred_at=record.planned_at,
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
    did = "took back its change of" if undo else "changed"
    return ActionApplied(
        **_common(record, f"The actor {did} {', '.join(objects)}."),
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
    verb = record.action.value.replace("_", " ").capitalize()
    ended = outcome.value.replace("_", " ")
    return ActionExecuted(
        **_common(record, f"{verb} on {record.target} ended as {ended}: {record.reason}"),
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
    )


def _common(record: ActionRecord, summary: str) -> dict[str, Any]:
    return {
        "action_id": record.action_id,
        "incident_id": record.incident_id,
        "cluster_id": record.cluster_id,
        "namespace": record.namespace,
        "summary": summary if len(summary) <= _SUMMARY else summary[: _SUMMARY - 1] + "…",
    }
