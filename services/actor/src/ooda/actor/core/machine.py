"""The state machine of one action. Pure and total: it says what to record and what to write next.

The record is stored by compare-and-set before any effect of the new state; what is published is a
function of the record alone (``announcements``), so doing it again is the same. A write is asked
for only in ``applying`` and ``undoing``, and only after the live object was looked at: a successor
of an actor that died anywhere goes on by the same rules. The model is a write-ahead intent log.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ooda.actor.core.applied import Standing, standing, taken_back
from ooda.actor.core.carried_out import Vain, carried_out
from ooda.actor.core.guards import Go, Guards, Hold, Stop, may_write
from ooda.actor.core.in_place import Starting
from ooda.actor.core.patches import Invertible, as_patch, inverse
from ooda.actor.core.plan import Plan, Refusal
from ooda.actor.core.pointers import value_at
from ooda.actor.core.record import ActionRecord, State
from ooda.actor.core.verification import GAP, Bad, Blind, Good, health, is_gone, judge, worse
from ooda.common.cluster.interface import Object
from ooda.common.events import OpenAnomaly, TelemetrySnapshot
from ooda.common.plans import Health, PatchStep, ResizeStep, Step

RETRY = dt.timedelta(seconds=1)
"""Pause before looking again at what could not be read or written."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The API server did not accept the last write of this driver, or did not answer."""

    kind: Literal["conflict", "refused", "unavailable"]
    reason: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What was gathered for one move; a state needs only what it looks at."""

    plan: Plan | Refusal | Starting | None = None
    """What could be planned; None: the API server did not answer."""
    guards: Guards | None = None
    looked: bool = False
    """Whether the object of the current step could be read."""
    live: Object | None = None
    """The object of the current step; None with ``looked``: there is none."""
    failed: Failed | None = None
    """How the write before this look failed, if it did."""
    snapshot: TelemetrySnapshot | None = None
    still_open: frozenset[str] = frozenset()
    pods: Sequence[Object | None] | None = None
    """Those of the steps that resize one, in their order; None: they could not be read."""


@dataclass(frozen=True, slots=True)
class Write:
    """One step to write now, guarded by the very object that it was judged by.

    Reading the object again would lose the guard: between the two reads another actor may have
    written and taken back, and the annotation that is tested would then say so already.
    """

    step: Step
    live: Object | None
    undo: bool
    """Whether it takes the action back."""


@dataclass(frozen=True, slots=True)
class Move:
    """What comes next: store the record if it differs, then write, else wait."""

    record: ActionRecord
    write: Write | None = None
    wake_at: dt.datetime | None = None
    """When to look again if no event comes before; None: at once if the record differs."""


def advance(record: ActionRecord, sight: Sight, now: dt.datetime) -> Move:
    """Return the next move of an action."""
    return _MOVES.get(record.state, _announced)(record, sight, now)


def confirm(record: ActionRecord, intent_id: str, now: dt.datetime) -> ActionRecord:
    """Take note that the recorder stored an intent; only this action's own counts."""
    if record.state is not State.PLANNED or intent_id != record.intent_id:
        return record
    return record.enter(State.RECORDED, now, "The recorder has the intent.")


def current_step(record: ActionRecord) -> Step | None:
    """Return the step whose object the next move has to look at, None if there is none."""
    if record.state is State.APPLYING and record.done < len(record.steps):
        return record.steps[record.done]
    if record.state is State.UNDOING and record.taken_back < record.done:
        return record.steps[record.done - record.taken_back - 1]
    return None


def _plan(record: ActionRecord, sight: Sight, now: dt.datetime) -> Move:
    seen = health(record, sight.snapshot, now)
    record = record.model_copy(update={"health_before": seen})
    if now >= record.valid_until:
        reason = "The decision expired before it was planned."
        return Move(_end(record, State.EXPIRED, sight, now, reason))
    match sight.plan:
        case Plan(steps=steps, undo=undo, before=before, note=note):
            reason = f"The API server accepted a dry run. {note}".rstrip()
            planned = record.enter(State.PLANNED, now, reason)
            made = {"steps": steps, "undo": undo, "before": before}
            return Move(planned.model_copy(update=made))
        case Refusal(reason=reason, conflict=conflict):
            state = State.CONFLICT if conflict else State.REFUSED
            return Move(_end(record, state, sight, now, reason))
        case Starting(reason=reason):
            return _later(record, now, f"Waits: {reason}.")
        case None:
            return _later(record, now, "The API server did not answer.")


def _wait_for_recorder(record: ActionRecord, sight: Sight, now: dt.datetime) -> Move:
    if now >= record.valid_until:
        reason = "The decision expired before the recorder confirmed the intent."
        return Move(_end(record, State.EXPIRED, sight, now, reason))
    return Move(record, wake_at=record.valid_until)


def _revalidate(record: ActionRecord, sight: Sight, now: dt.datetime) -> Move:
    if sight.guards is None:
        return _later(record, now)
    match may_write(record, sight.guards, now):
        case Go():
            return Move(record.enter(State.APPLYING, now, "Everything still holds."))
        case Hold(reason=reason):
            return _later(record, now, reason)
        case Stop(state=state, reason=reason):
            return Move(_end(record, state, sight, now, reason))


def _apply(record: ActionRecord, sight: Sight, now: dt.datetime) -> Move:
    step = current_step(record)
    if step is None:
        return Move(record.enter(State.APPLIED, now, "All steps were written."))
    if not sight.looked:
        return _later(record, now, "The object could not be read.")
    match standing(step, sight.live, record.action_id):
        case Standing.APPLIED:
            return Move(_step_done(record, step, sight.live, now))
        case Standing.CONFLICT:
            reason = "Somebody else changed the object since it was planned with."
            return Move(_cut_short(record, State.CONFLICT, sight, now, reason))
        case Standing.NOT_APPLIED:
            return _write(record, step, sight, now)


def _write(record: ActionRecord, step: Step, sight: Sight, now: dt.datetime) -> Move:
    match sight.failed:
        case Failed(kind="unavailable"):
            return _later(record, now, "The API server did not answer.")
        case Failed(kind=kind, reason=reason):
            return Move(_cut_short(record, State(kind), sight, now, reason))
        case None:
            pass
    if sight.guards is None:
        return _later(record, now)
    match may_write(record, sight.guards, now):
        case Go():
            return Move(record, write=Write(step, sight.live, undo=False))
        case Hold(reason=reason):
            return _later(record, now, reason)
        case Stop(state=state, reason=reason):
            return Move(_cut_short(record, state, sight, now, reason))


def _step_done(
    record: ActionRecord, step: Step, live: Object | None, now: dt.datetime
) -> ActionRecord:
    changed = isinstance(step, PatchStep)
    return record.model_copy(
        update={
            "done": record.done + 1,
            "written_at": now,
            "generation": value_at(live, "/metadata/generation") if changed else record.generation,
        }
    )


def _cut_short(
    record: ActionRecord, state: State, sight: Sight, now: dt.datetime, reason: str
) -> ActionRecord:
    """End before all steps were written; those that were are taken back if they can be."""
    if record.done == 0:
        return _end(record, state, sight, now, reason)
    return _not_helped(record, sight, now, reason)


def _watch(record: ActionRecord, _: Sight, now: dt.datetime) -> Move:
    written = record.written_at or now
    deadline = written + dt.timedelta(seconds=record.verification.deadline_seconds)
    entered = record.enter(State.VERIFYING, now, "Written; now it is watched whether it helps.")
    return Move(entered.model_copy(update={"deadline": deadline}))


def _verify(record: ActionRecord, sight: Sight, now: dt.datetime) -> Move:
    found = carried_out(record, sight.pods, now)
    if isinstance(found, Vain):
        return Move(_in_vain(record, sight, now, found.reason))
    return _judged(
        record, found or judge(record, sight.snapshot, sight.still_open, now), sight, now
    )


def _in_vain(record: ActionRecord, sight: Sight, now: dt.datetime, reason: str) -> ActionRecord:
    """Take back what has no effect; the same may be decided again, and done in another way."""
    record = record.model_copy(update={"vain": True})
    if record.undo == "inverse":
        return record.enter(State.UNDOING, now, reason)
    return _end(record, State.EXPIRED, sight, now, reason)


def _judged(
    record: ActionRecord, found: Good | Bad | Blind, sight: Sight, now: dt.datetime
) -> Move:
    deadline = record.deadline or now
    match found:
        case Good(at=at):
            reason = "What was asked for did not hold long enough before the deadline."
            noted = _held(record, at)
        case Bad(reason=reason):
            noted = record.model_copy(update={"good_since": None, "good_at": None})
        case Blind(reason=reason):
            # What was seen before stands, until the gap to the next good snapshot is too long.
            noted = record
    noted, gone = _gone(noted, sight.snapshot, now)
    if gone:
        # Nothing is left that could get better, or that a change could be taken back from.
        return Move(_end(noted, State.NOT_HELPED, sight, now, "The workload is gone."))
    if now >= deadline and isinstance(found, Blind):
        # What cannot be seen is not written to, not even to take it back.
        reason = f"Whether it helped could not be seen: {reason}"
        return Move(_end(noted, State.NOT_HELPED, sight, now, reason))
    if now >= deadline:
        return Move(_not_helped(noted, sight, now, reason))
    noted, lasting = _worsened(noted, sight.snapshot, now)
    if lasting is not None and record.undo == "inverse":
        # To wait for the deadline would only prolong what the action itself may have broken.
        reason = f"It made something worse: {lasting.signal} on {lasting.target} since the write."
        return Move(_not_helped(noted, sight, now, reason))
    if isinstance(found, Good) and _held_for(noted) >= record.verification.hold_seconds:
        return Move(_end(noted, State.KEPT, sight, now, "It helped, and nothing else broke."))
    return Move(noted, wake_at=deadline)


def _gone(
    record: ActionRecord, snapshot: TelemetrySnapshot | None, now: dt.datetime
) -> tuple[ActionRecord, bool]:
    """Note whether the workload is gone; return whether two snapshots in a row say so."""
    gone = is_gone(record, snapshot, now)
    if gone is None or snapshot is None:
        return record, False
    noted = record.model_copy(update={"gone_at": snapshot.occurred_at if gone else None})
    return noted, gone and record.gone_at is not None and record.gone_at != snapshot.occurred_at


def _worsened(
    record: ActionRecord, snapshot: TelemetrySnapshot | None, now: dt.datetime
) -> tuple[ActionRecord, OpenAnomaly | None]:
    """Note what broke since the write; return one anomaly that two snapshots in a row show."""
    broken = worse(record, snapshot, now)
    if broken is None or snapshot is None or snapshot.occurred_at == record.worse_at:
        return record, None
    ids = tuple(each.anomaly_id for each in broken)
    noted = record.model_copy(update={"worse": ids, "worse_at": snapshot.occurred_at})
    return noted, next((each for each in broken if each.anomaly_id in record.worse), None)


def _held_for(record: ActionRecord) -> float:
    if record.good_since is None or record.good_at is None:
        return 0.0
    return (record.good_at - record.good_since).total_seconds()


def _held(record: ActionRecord, at: dt.datetime) -> ActionRecord:
    unbroken = record.good_at is not None and at - record.good_at <= GAP
    since = record.good_since if unbroken else at
    return record.model_copy(update={"good_since": since, "good_at": at})


def _not_helped(record: ActionRecord, sight: Sight, now: dt.datetime, reason: str) -> ActionRecord:
    if record.undo == "inverse":
        return record.enter(State.UNDOING, now, reason)
    return _end(record, State.NOT_HELPED, sight, now, reason)


def _undo(record: ActionRecord, sight: Sight, now: dt.datetime) -> Move:
    step = current_step(record)
    if step is None:
        return Move(_undone(record, sight, now))
    if not isinstance(step, Invertible):
        return Move(record.model_copy(update={"taken_back": record.taken_back + 1}))
    return _take_back(record, step, sight, now)


def _take_back(record: ActionRecord, step: Invertible, sight: Sight, now: dt.datetime) -> Move:
    if sight.looked and taken_back(step, sight.live, record.action_id):
        return Move(_step_back(record, 1))
    back = inverse(as_patch(step), sight.live) if sight.live is not None else None
    if sight.looked and back is None:
        return Move(_step_back(record, 0))
    return _write_back(record, back, sight, now)


def _write_back(
    record: ActionRecord, back: PatchStep | ResizeStep | None, sight: Sight, now: dt.datetime
) -> Move:
    seconds = record.verification.deadline_seconds
    if now >= record.changed_at + dt.timedelta(seconds=seconds):
        # Later than this it would meet a cluster that nobody judged: a person has to look.
        reason = f"{record.reason} It could not be taken back within {seconds:.0f} s."
        return Move(_end(record, State.UNDO_CONFLICT, sight, now, reason))
    if sight.failed is not None and sight.failed.kind != "unavailable":
        reason = f"{record.reason} Taking it back failed: {sight.failed.reason}"
        return Move(_end(record, State.UNDO_CONFLICT, sight, now, reason))
    # The intent authorises the undo: neither recorder, mode nor validity are asked again. The
    # kill switch is: while it is there, or cannot be read, nothing at all is written.
    stopped = sight.guards is None or sight.guards.stopped is not False
    if back is None or stopped or sight.failed is not None:
        return _later(record, now, record.reason)
    return Move(record, write=Write(back, sight.live, undo=True))


def _step_back(record: ActionRecord, restored: int) -> ActionRecord:
    return record.model_copy(
        update={
            "taken_back": record.taken_back + 1,
            "restored": record.restored + restored,
        }
    )


def _undone(record: ActionRecord, sight: Sight, now: dt.datetime) -> ActionRecord:
    invertible = sum(isinstance(each, Invertible) for each in record.steps[: record.done])
    if record.restored == invertible:
        state = State.EXPIRED if record.vain else State.UNDONE
        ended = _end(record, state, sight, now, f"{record.reason} It was taken back.")
        return ended.model_copy(update={"health_after": _before_undo(ended.health_after)})
    reason = f"{record.reason} It could not be taken back: somebody else changed the object."
    return _end(record, State.UNDO_CONFLICT, sight, now, reason)


def _before_undo(seen: Health | None) -> Health | None:
    """Say that what was seen does not count: no snapshot is younger than the undo just made."""
    return seen and seen.model_copy(update={"fresh": False})


def _end(
    record: ActionRecord, state: State, sight: Sight, now: dt.datetime, reason: str
) -> ActionRecord:
    after = health(record, sight.snapshot, now)
    return record.enter(state, now, reason).model_copy(update={"health_after": after})


def _later(record: ActionRecord, now: dt.datetime, reason: str = "") -> Move:
    noted = record.model_copy(update={"reason": reason or record.reason})
    return Move(noted, wake_at=now + RETRY)


def _announced(record: ActionRecord, _: Sight, __: dt.datetime) -> Move:
    return Move(record.model_copy(update={"announced": True}))


_MOVES: Mapping[State, Callable[[ActionRecord, Sight, dt.datetime], Move]] = {
    State.PLANNING: _plan,
    State.PLANNED: _wait_for_recorder,
    State.RECORDED: _revalidate,
    State.APPLYING: _apply,
    State.APPLIED: _watch,
    State.VERIFYING: _verify,
    State.UNDOING: _undo,
}
"""Of the states that are no ends."""
