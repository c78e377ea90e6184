import datetime as dt
from typing import Any

import pytest

from factories.actions import GOOD, deployment, record
from factories.events import ACTION_ID, NOW
from ooda.actor.core.guards import Guards, Symptom
from ooda.actor.core.machine import Failed, Move, Sight, advance
from ooda.actor.core.patches import mark_of
from ooda.actor.core.record import ActionRecord, State
from ooda.common.plans import ACTION_ANNOTATION
from ooda.common.taxonomy import Mode

DEADLINE = 60.0
"""Of the verification, and again of taking back."""


def undoing() -> ActionRecord:
    return record(State.UNDOING, undo="inverse", done=1, written_at=NOW)


def live(*, undone: bool = False) -> dict[str, Any]:
    mark = mark_of(ACTION_ID, undo=undone)
    return deployment(template=GOOD, metadata={"annotations": {ACTION_ANNOTATION: mark}})


def sight(*, stopped: bool | None = False, **given: Any) -> Sight:
    guards = Guards(stopped, Mode.AUTO, Symptom.OPEN, other=None)
    seen: dict[str, Any] = {"guards": guards, "looked": True, "live": live()}
    return Sight(**seen | given)


def after(seconds: float, seen: Sight) -> Move:
    return advance(undoing(), seen, NOW + dt.timedelta(seconds=seconds))


def test_takes_back_before_the_deadline() -> None:
    write = after(DEADLINE - 0.001, sight()).write
    assert write is not None
    assert write.undo


@pytest.mark.parametrize(
    "seen",
    [
        sight(),
        sight(stopped=True),
        sight(stopped=None),
        sight(looked=False, live=None),
        sight(failed=Failed("unavailable", "no answer")),
    ],
    ids=["late", "stopped", "switch unread", "object unread", "no answer"],
)
def test_is_not_taken_back_after_the_deadline(seen: Sight) -> None:
    move = after(DEADLINE, seen)
    assert (move.record.state, move.write) == (State.UNDO_CONFLICT, None)
    assert "could not be taken back within 60 s" in move.record.reason


@pytest.mark.parametrize("seen", [sight(stopped=True), sight(looked=False, live=None)])
def test_waits_until_the_deadline(seen: Sight) -> None:
    move = after(DEADLINE - 0.001, seen)
    assert (move.record.state, move.write) == (State.UNDOING, None)
    assert move.wake_at is not None


def test_what_was_taken_back_already_counts_after_the_deadline() -> None:
    move = after(DEADLINE, sight(live=live(undone=True)))
    assert move.record.restored == 1
    assert advance(move.record, sight(), NOW + dt.timedelta(hours=1)).record.state is State.UNDONE
