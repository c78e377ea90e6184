"""What is next with a run, for each role: as a table, and killed at any point."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ooda.common.fault_runs import (
    Abort,
    DeletePodStep,
    Ending,
    FaultRun,
    GroundTruth,
    Image,
    Phase,
    Restored,
    StepRecord,
    Undone,
)
from ooda.common.plans import ObjectRef
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import FailureClass
from ooda.injector.core.machine import (
    ABANDONED_AFTER,
    HELD_SECONDS,
    INJECTOR,
    REAPER,
    Apply,
    Arm,
    Enter,
    Move,
    Release,
    Rest,
    Restore,
    Role,
    Undo,
    Verify,
    Wait,
    next_move,
    teardown_deadline,
    untouched,
)

T0 = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
CART = ObjectRef(kind="Pod", namespace="fault-injection-shop", name="cart", uid="u")


def at(seconds: float) -> dt.datetime:
    return T0 + dt.timedelta(seconds=seconds)


def run(phase: Phase, *steps: dict[str, Any], **given: Any) -> FaultRun:
    fields: dict[str, Any] = {
        "run_id": "r",
        "request_id": "q",
        "sequence": 1,
        "cluster_id": "c",
        "namespace": "fault-injection-shop",
        "namespace_uid": "n",
        "scenario": "pod-kill",
        "target": "cart",
        "workload": CART,
        "duration_seconds": 60.0,
        "recovery_seconds": 100.0,
        "truth": GroundTruth(
            failure_class=FailureClass.POD_KILLED,
            component=WorkloadTarget(
                namespace="fault-injection-shop", workload_kind="Deployment", name="cart"
            ),
            accepted=(),
        ),
        "steps": [
            StepRecord(step=DeletePodStep(object=CART), **each) for each in steps or ({}, {})
        ],
        "leases": ["run-x"],
        "baseline": {},
        "phase": phase,
        "expires_at": None if phase is Phase.ADMITTED else at(60),
        "times": {"admitted": T0, "reverting": at(60)},
    }
    return FaultRun.model_validate(fields | given)


DONE, UNDONE = {"done": True}, {"done": True, "undone": Undone.REVERTED}
NEVER = {"undone": Undone.NOTHING}
NOW = Abort(by="alice", at=at(5))


def held(until: float, *found: Restored) -> FaultRun:
    """Return a run that waits for the agent, since a minute, with two images."""
    images = [Image(object=CART, said={}) for _ in range(2)]
    of = run(Phase.HOLDING, UNDONE, held_until=at(until), images=images)
    for index, each in enumerate(found):
        of = of.with_image(index, each)
    return of.model_copy(update={"times": {**of.times, "holding": at(60)}})


@pytest.mark.parametrize(
    ("of", "abort", "seconds", "injector", "reaper"),
    [
        (run(Phase.ADMITTED), None, 1, Arm(), Wait(at(ABANDONED_AFTER + 3))),
        (run(Phase.ADMITTED), NOW, 6, Enter(Phase.REVERTING, Ending.ABORTED), Wait(at(8))),
        (
            run(Phase.ADMITTED),
            None,
            34,
            Enter(Phase.REVERTING, Ending.ABANDONED),
            Enter(Phase.REVERTING, Ending.ABANDONED),
        ),
        (run(Phase.ARMED), None, 1, Apply(0), Wait(at(63))),
        (run(Phase.ARMED, DONE, {}), None, 1, Apply(1), Wait(at(63))),
        (run(Phase.ARMED, DONE, DONE), None, 1, Enter(Phase.ACTIVE), Wait(at(63))),
        (run(Phase.ARMED), None, 61, Enter(Phase.REVERTING, Ending.EXPIRED), Wait(at(63))),
        (run(Phase.ACTIVE, DONE), None, 1, Wait(at(60)), Wait(at(63))),
        (run(Phase.ACTIVE, DONE), NOW, 1, Wait(at(5)), Wait(at(8))),
        (
            run(Phase.ACTIVE, DONE),
            NOW,
            8,
            Enter(Phase.REVERTING, Ending.ABORTED),
            Enter(Phase.REVERTING, Ending.ABORTED),
        ),
        (
            run(Phase.ACTIVE, DONE),
            None,
            63,
            Enter(Phase.REVERTING, Ending.EXPIRED),
            Enter(Phase.REVERTING, Ending.EXPIRED),
        ),
        (run(Phase.REVERTING, DONE, DONE), None, 61, Undo(1), Wait(at(63))),
        (run(Phase.REVERTING, DONE, UNDONE), None, 63, Undo(0), Undo(0)),
        (run(Phase.REVERTING, UNDONE), None, 63, Enter(Phase.HOLDING), Enter(Phase.HOLDING)),
        (
            run(Phase.REVERTING, NEVER, NEVER),
            None,
            63,
            Enter(Phase.VERIFYING),
            Enter(Phase.VERIFYING),
        ),
        (
            run(Phase.ACTIVE, DONE, times={"admitted": T0, "healed": at(30)}),
            None,
            33,
            Enter(Phase.REVERTING, Ending.REPAIRED),
            Enter(Phase.REVERTING, Ending.REPAIRED),
        ),
        (
            run(Phase.ACTIVE, DONE, times={"admitted": T0, "healed": at(30)}),
            NOW,
            33,
            Enter(Phase.REVERTING, Ending.ABORTED),
            Enter(Phase.REVERTING, Ending.ABORTED),
        ),
        (held(70), None, 65, Wait(at(70)), Wait(at(73))),
        (held(70), None, 73, Restore(0), Restore(0)),
        (held(70, Restored.AS_BEFORE), None, 73, Restore(1), Restore(1)),
        (
            held(70, Restored.AS_BEFORE, Restored.SET_BACK),
            None,
            73,
            Enter(Phase.VERIFYING),
            Enter(Phase.VERIFYING),
        ),
        (held(999), None, 65, Wait(at(60 + HELD_SECONDS)), Wait(at(63 + HELD_SECONDS))),
        (held(999), NOW, 65, Wait(at(60 + HELD_SECONDS)), Wait(at(63 + HELD_SECONDS))),
        (run(Phase.VERIFYING, UNDONE), None, 63, Verify(at(160)), Verify(at(160))),
        (run(Phase.RELEASING, UNDONE), None, 63, Release(), Release()),
        (run(Phase.ENDED, UNDONE), NOW, 999, Rest(), Rest()),
        (run(Phase.TEARDOWN_FAILED, UNDONE), NOW, 999, Rest(), Rest()),
    ],
)
def test_what_is_next(
    of: FaultRun, abort: Abort | None, seconds: float, injector: Move, reaper: Move
) -> None:
    assert next_move(of, abort, at(seconds), INJECTOR) == injector
    assert next_move(of, abort, at(seconds), REAPER) == reaper


def test_the_time_in_which_it_waits_does_not_count_against_the_teardown() -> None:
    waiting = held(70)
    assert teardown_deadline(waiting) == at(170)
    verifying = waiting.enter(Phase.VERIFYING, at(80))
    assert teardown_deadline(verifying) == at(180)


def test_what_was_never_armed_has_nothing_to_take_back() -> None:
    assert not untouched(run(Phase.ADMITTED)).touched
    assert run(Phase.ARMED).touched


@given(
    phase=st.sampled_from(Phase),
    done=st.lists(st.booleans(), min_size=1, max_size=3),
    seconds=st.floats(0, 500),
)
def test_the_reaper_never_breaks_anything(phase: Phase, done: list[bool], seconds: float) -> None:
    of = run(phase, *({"done": each} for each in done))
    assert not isinstance(next_move(of, None, at(seconds), REAPER), Arm | Apply)


@pytest.mark.parametrize("role", [INJECTOR, REAPER])
@given(handovers=st.lists(st.booleans(), max_size=6))
def test_every_run_comes_to_its_end(role: Role, handovers: list[bool]) -> None:
    """Whoever goes on after whom, once its time is over."""
    roles = [INJECTOR if each else REAPER for each in handovers]
    image = Image(object=CART, said={})
    of, now = run(Phase.ACTIVE, DONE, DONE, images=[image]), 60.0
    for number in range(40):
        move = next_move(of, None, at(now), roles[number] if number < len(roles) else role)
        match move:
            case Rest():
                assert of.phase is Phase.ENDED
                return
            case Wait(until):
                now = (until - T0).total_seconds()
            case Enter(phase, ending):
                of = of.enter(phase, at(now), ending=ending or of.ending)
            case Undo(index):
                of = of.with_step(index, undone=Undone.REVERTED)
            case Restore(index):
                of = of.with_image(index, Restored.AS_BEFORE)
            case Verify():
                of = of.enter(Phase.RELEASING, at(now))
            case Release():
                of = of.enter(Phase.ENDED, at(now))
    raise AssertionError(of.phase)
