"""What the kubelet says of a resize, and what becomes of the action."""

import datetime as dt
from typing import Any

import pytest

from factories.actions import limited_pod, record, set_limit, snapshot
from factories.events import NOW
from ooda.actor.core.announcements import announcements
from ooda.actor.core.carried_out import PATIENCE, Vain, carried_out
from ooda.actor.core.guards import Guards, Symptom
from ooda.actor.core.machine import Sight, advance
from ooda.actor.core.record import ActionRecord, State
from ooda.actor.core.verification import Bad, Blind
from ooda.common.plans import FieldChange, ObjectRef, ResizeStep
from ooda.common.taxonomy import ActionKind, Mode, Outcome

LIMIT = "/spec/containers/0/resources/limits/memory"


def step(uid: str = "uid-pod") -> ResizeStep:
    name = "checkout-1-a" if uid == "uid-pod" else "checkout-1-b"
    return ResizeStep(
        object=ObjectRef(kind="Pod", namespace="shop", name=name, uid=uid),
        container="app",
        changes=(FieldChange(path=LIMIT, before="64Mi", after="96Mi"),),
        generation=1,
    )


def verifying(*steps: ResizeStep, **given: Any) -> ActionRecord:
    fields: dict[str, Any] = {
        "steps": steps or (step(),),
        "undo": "inverse",
        "action": ActionKind.RAISE_MEMORY_LIMIT,
        "done": len(steps) or 1,
        "written_at": NOW,
        "deadline": NOW + dt.timedelta(seconds=300),
    }
    return record(State.VERIFYING, **fields | given)


def pod(force: str, *conditions: tuple[str, str], uid: str = "uid-pod") -> dict[str, Any]:
    live = limited_pod("96Mi", uid=uid)
    set_limit(live, force)
    live["spec"]["containers"][0]["resources"] = {"limits": {"memory": "96Mi"}}
    live["status"]["conditions"] = [
        {"type": kind, "status": "True", "reason": reason} for kind, reason in conditions
    ]
    return live


DONE, NOT_YET = pod("96Mi"), pod("64Mi", ("PodResizeInProgress", ""))
DEFERRED = pod("64Mi", ("PodResizePending", "Deferred"))
IMPOSSIBLE = pod("64Mi", ("PodResizePending", "Infeasible"))
ENDED = pod("96Mi")
ENDED["status"]["containerStatuses"][0]["restartCount"] = 1
OTHER = pod("96Mi", uid="uid-other")


@pytest.mark.parametrize(
    ("pods", "after", "expected"),
    [
        pytest.param((DONE,), 1.0, type(None), id="in force"),
        pytest.param((NOT_YET,), 1.0, Bad, id="under way"),
        pytest.param((DEFERRED,), 1.0, Bad, id="put off"),
        pytest.param((NOT_YET,), 59.9, Bad, id="slow"),
        pytest.param((NOT_YET,), 60.0, Vain, id="too slow"),
        pytest.param((DEFERRED,), 60.0, Vain, id="put off too long"),
        pytest.param((IMPOSSIBLE,), 1.0, Vain, id="impossible"),
        pytest.param((ENDED,), 1.0, Vain, id="killed again"),
        pytest.param((None,), 1.0, Vain, id="gone"),
        pytest.param((OTHER,), 1.0, Vain, id="replaced by one of its name"),
        pytest.param(None, 1.0, Blind, id="not readable"),
    ],
)
def test_is_judged_by_what_is_in_force(pods: Any, after: float, expected: type) -> None:
    assert PATIENCE.total_seconds() == 60
    found = carried_out(verifying(), pods, NOW + dt.timedelta(seconds=after))
    assert type(found) is expected


def test_a_pod_that_is_gone_is_not_waited_for_and_one_that_cannot_spoils_it() -> None:
    both = verifying(step(), step("uid-b"))
    assert carried_out(both, (DONE, None), NOW) is None
    found = carried_out(both, (DONE, IMPOSSIBLE | {"metadata": {"uid": "uid-b"}}), NOW)
    assert found == Vain("The kubelet cannot resize in place (Infeasible): checkout-1-b.")


def sight(live: Any, **given: Any) -> Sight:
    guards = Guards(stopped=False, mode=Mode.AUTO, symptom=Symptom.OPEN, other=None)
    return Sight(guards=guards, looked=True, live=live, pods=(live,), **given)


def test_what_is_not_in_force_is_no_success() -> None:
    well = snapshot(NOW + dt.timedelta(seconds=2))
    moved = advance(verifying(), sight(NOT_YET, snapshot=well), NOW + dt.timedelta(seconds=3))
    assert moved.record.state is State.VERIFYING
    assert moved.record.good_at is None


def test_what_cannot_be_done_is_taken_back_and_proves_nothing() -> None:
    undoing = advance(verifying(), sight(IMPOSSIBLE), NOW).record
    assert (undoing.state, undoing.vain) == (State.UNDOING, True)
    write = advance(undoing, sight(IMPOSSIBLE), NOW).write
    assert write is not None
    assert isinstance(write.step, ResizeStep)
    assert write.step.changes == (FieldChange(path=LIMIT, before="96Mi", after="64Mi"),)
    back = limited_pod("64Mi", generation=3)
    ended = advance(advance(undoing, sight(back), NOW).record, sight(back), NOW).record
    assert ended.state.outcome is Outcome.EXPIRED
    applied, executed = announcements(ended)
    assert applied.subject == "action.applied"
    assert executed.summary == (
        "Raising the memory limit of Deployment checkout to 96Mi in place was not done (expired): "
        "The kubelet cannot resize in place (Infeasible): checkout-1-a. It was taken back."
    )


def test_what_must_not_come_back_is_left() -> None:
    ended = advance(verifying(undo="keep"), sight(IMPOSSIBLE), NOW).record
    assert (ended.state, ended.restored) == (State.EXPIRED, 0)


def test_a_pod_that_is_gone_took_its_limit_along() -> None:
    undoing = verifying().enter(State.UNDOING, NOW, "It did not help.")
    back = advance(undoing, sight(None), NOW).record
    assert advance(back, sight(None), NOW).record.state is State.UNDONE


def test_a_limit_that_somebody_changed_since_is_left_alone() -> None:
    undoing = verifying().enter(State.UNDOING, NOW, "It did not help.")
    theirs = limited_pod("128Mi", generation=3)
    moved = advance(undoing, sight(theirs), NOW)
    assert moved.write is None
    assert advance(moved.record, sight(theirs), NOW).record.state is State.UNDO_CONFLICT


def test_the_owner_of_the_template_is_told_the_command() -> None:
    (executed,) = announcements(verifying().enter(State.KEPT, NOW, "It helped."))
    assert executed.model_dump()["follow_up"].endswith(
        "New pods have the old limit again, until the template has this one: "
        "kubectl -n fault-injection-shop set resources deployment/checkout -c app "
        "--limits=memory=96Mi"
    )
