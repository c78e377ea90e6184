"""What is next with a run, for each role: as a table, and killed at any point."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.fault_runs import contact_step, fault_run, node_step
from ooda.common.fault_probes import AccessProbe, AccessRule, Effect, ReplicasProbe
from ooda.common.fault_runs import (
    Abort,
    DeletePodStep,
    Ending,
    FaultRun,
    GroundTruth,
    Image,
    LeftOverStep,
    Phase,
    Restored,
    StepRecord,
    Undone,
)
from ooda.common.node_means import AGAIN_SECONDS
from ooda.common.plans import ObjectRef
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import FailureClass
from ooda.injector.core.machine import (
    ABANDONED_AFTER,
    HELD_SECONDS,
    INJECTOR,
    NODE_ALLOWANCE,
    NODE_ANSWER,
    REAPER,
    Apply,
    Arm,
    Enter,
    GiveUp,
    Move,
    Release,
    Rest,
    Restore,
    Role,
    Undo,
    Verify,
    Wait,
    leaves_to_injector,
    next_move,
    teardown_deadline,
    unseen,
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


EFFECT = Effect(probe=ReplicasProbe(sign="short", before=2), within_seconds=20)
TIMES = {"admitted": T0, "armed": T0, "active": T0, "reverting": at(60)}
UNSEEN: dict[str, Any] = {"effect": EFFECT, "times": TIMES}
SEEN: dict[str, Any] = {"effect": EFFECT, "times": TIMES | {"effective": at(3)}}
UNSEEN_SAID = "No effect was seen within 20 s."
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
        (run(Phase.ACTIVE, DONE, **UNSEEN), None, 1, Wait(at(20)), Wait(at(23))),
        (run(Phase.ACTIVE, DONE, **SEEN), None, 21, Wait(at(60)), Wait(at(63))),
        (run(Phase.ACTIVE, DONE, **UNSEEN), NOW, 1, Wait(at(5)), Wait(at(8))),
        (
            run(Phase.ACTIVE, DONE, **UNSEEN),
            None,
            24,
            Enter(Phase.REVERTING, Ending.NO_EFFECT, UNSEEN_SAID),
            Enter(Phase.REVERTING, Ending.NO_EFFECT, UNSEEN_SAID),
        ),
        (
            run(Phase.ACTIVE, DONE, **UNSEEN, expires_at=at(9)),
            None,
            13,
            Enter(Phase.REVERTING, Ending.NO_EFFECT, UNSEEN_SAID),
            Enter(Phase.REVERTING, Ending.NO_EFFECT, UNSEEN_SAID),
        ),
        (
            run(Phase.ARMED, {}, effect=EFFECT),
            None,
            64,
            Enter(Phase.REVERTING, Ending.NO_EFFECT, UNSEEN_SAID),
            Enter(Phase.REVERTING, Ending.NO_EFFECT, UNSEEN_SAID),
        ),
        (
            run(Phase.ACTIVE, DONE, **SEEN),
            None,
            64,
            Enter(Phase.REVERTING, Ending.EXPIRED),
            Enter(Phase.REVERTING, Ending.EXPIRED),
        ),
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


def test_what_is_only_for_the_way_back_is_not_made_and_comes_last() -> None:
    stateful = ObjectRef(kind="StatefulSet", namespace="x", name="db", uid="s")
    back = StepRecord(step=LeftOverStep(object=stateful, before="db-1"))

    def with_back(phase: Phase, **step: Any) -> FaultRun:
        changed = StepRecord(step=DeletePodStep(object=CART), **step)
        return run(phase).model_copy(update={"steps": (back, changed)})

    assert next_move(with_back(Phase.ARMED), None, at(1), INJECTOR) == Apply(1)
    assert next_move(with_back(Phase.ARMED, **DONE), None, at(1), INJECTOR) == Enter(Phase.ACTIVE)
    for role in (INJECTOR, REAPER):
        assert next_move(with_back(Phase.REVERTING, **DONE), None, at(63), role) == Undo(1)
        assert next_move(with_back(Phase.REVERTING, **UNDONE), None, at(63), role) == Undo(0)


def test_the_time_in_which_it_waits_does_not_count_against_the_teardown() -> None:
    waiting = held(70)
    assert teardown_deadline(waiting) == at(170)
    verifying = waiting.enter(Phase.VERIFYING, at(80))
    assert teardown_deadline(verifying) == at(180)


def on_nodes(phase: Phase, *steps: dict[str, Any], **given: Any) -> FaultRun:
    """A pod to delete, and then a fault in each of some pods on their nodes."""
    first = StepRecord(step=DeletePodStep(object=CART), **given.pop("first", DONE))
    others = (
        StepRecord(step=node_step(f"cart-{number}", f"worker-{number}"), **each)
        for number, each in enumerate(steps)
    )
    fields: dict[str, Any] = {
        "phase": phase,
        "expires_at": at(60),
        "times": {"admitted": T0, "armed": T0, "reverting": at(20)},
    }
    return fault_run(first, *others, **fields | given)


NOT_MADE = {"undone": Undone.NOTHING, "problem": "the sandbox is busy"}
BOTH_UNDONE = {"first": UNDONE}


@pytest.mark.parametrize(
    ("of", "seconds", "injector", "reaper"),
    [
        pytest.param(
            on_nodes(Phase.ARMED, {}, first={}),
            1,
            Apply(0),
            Wait(at(63)),
            id="the API first",
        ),
        pytest.param(
            on_nodes(Phase.ARMED, {}, {}),
            1,
            Wait(at(NODE_ALLOWANCE)),
            Wait(at(63)),
            id="nodes are waited for",
        ),
        pytest.param(
            on_nodes(Phase.ARMED, {}, expires_at=at(5)),
            1,
            Wait(at(5)),
            Wait(at(8)),
            id="no longer than to its end",
        ),
        pytest.param(
            on_nodes(Phase.ARMED, DONE, DONE),
            1,
            Enter(Phase.ACTIVE),
            Wait(at(63)),
            id="all nodes have done it",
        ),
        pytest.param(
            on_nodes(Phase.ARMED, DONE, {}),
            NODE_ALLOWANCE,
            Enter(
                Phase.REVERTING,
                Ending.UNANSWERED,
                "fault-agent of node worker-1 did not answer in 10 s",
            ),
            Wait(at(63)),
            id="one node does not answer",
        ),
        pytest.param(
            on_nodes(Phase.ARMED, DONE, NOT_MADE),
            1,
            Enter(
                Phase.REVERTING,
                Ending.CONFLICT,
                "Pod fault-injection-shop/cart-1: the sandbox is busy",
            ),
            Wait(at(63)),
            id="one node cannot",
        ),
        pytest.param(
            on_nodes(Phase.ACTIVE, DONE, UNDONE),
            20,
            Wait(at(60)),
            Wait(at(63)),
            id="one is over too early, as its pod is replaced",
        ),
        pytest.param(
            on_nodes(Phase.REVERTING, DONE, DONE),
            23,
            Undo(0),
            Undo(0),
            id="what is the API's is taken back while nodes end theirs",
        ),
        pytest.param(
            on_nodes(Phase.REVERTING, DONE, UNDONE, **BOTH_UNDONE),
            24,
            Wait(at(20 + NODE_ANSWER)),
            Wait(at(23 + NODE_ANSWER)),
            id="the nodes' word is waited for",
        ),
        pytest.param(
            on_nodes(Phase.REVERTING, DONE, UNDONE, **BOTH_UNDONE),
            28,
            GiveUp(1, at(60 + NODE_ANSWER)),
            GiveUp(1, at(63 + NODE_ANSWER)),
            id="a node does not say so",
        ),
        pytest.param(
            on_nodes(Phase.REVERTING, UNDONE, UNDONE, **BOTH_UNDONE),
            24,
            Enter(Phase.HOLDING),
            Enter(Phase.HOLDING),
            id="all of it is over",
        ),
    ],
)
def test_what_is_next_with_nodes(
    of: FaultRun, seconds: float, injector: Move, reaper: Move
) -> None:
    assert next_move(of, None, at(seconds), INJECTOR) == injector
    assert next_move(of, None, at(seconds), REAPER) == reaper


def asked_first(phase: Phase, asking: dict[str, Any], change: dict[str, Any]) -> FaultRun:
    """A pod to delete, which is looked at from another."""
    steps = (
        StepRecord(step=contact_step(), **asking),
        StepRecord(step=DeletePodStep(object=CART), **change),
    )
    times = {"admitted": T0, "armed": T0, "reverting": at(20)}
    return fault_run(*steps, phase=phase, expires_at=at(60), times=times)


@pytest.mark.parametrize(
    ("of", "seconds", "injector"),
    [
        pytest.param(
            asked_first(Phase.ARMED, {}, {}),
            1,
            Wait(at(NODE_ALLOWANCE)),
            id="nothing is changed before it asks",
        ),
        pytest.param(asked_first(Phase.ARMED, DONE, {}), 1, Apply(1), id="then it is"),
        pytest.param(
            asked_first(Phase.ARMED, {}, {}),
            NODE_ALLOWANCE,
            Enter(
                Phase.REVERTING,
                Ending.UNANSWERED,
                "fault-agent of node worker-1 did not answer in 10 s",
            ),
            id="nobody can ask",
        ),
        pytest.param(
            asked_first(Phase.ARMED, {"undone": Undone.NOTHING, "problem": "nobody answers."}, {}),
            1,
            Enter(
                Phase.REVERTING,
                Ending.CONFLICT,
                "Pod fault-injection-shop/web-1: nobody answers.",
            ),
            id="who is asked does not answer",
        ),
        pytest.param(
            asked_first(Phase.REVERTING, DONE, DONE), 20, Undo(1), id="taken back while it asks"
        ),
        pytest.param(
            asked_first(Phase.REVERTING, DONE, UNDONE),
            60,
            GiveUp(0, at(60 + NODE_ANSWER + AGAIN_SECONDS)),
            id="it may ask on for a while",
        ),
        pytest.param(
            asked_first(Phase.REVERTING, DONE | {"undone": Undone.NOTHING}, NEVER),
            20,
            Enter(Phase.VERIFYING),
            id="that it asked has touched nothing",
        ),
    ],
)
def test_what_only_asks_comes_before_everything(
    of: FaultRun, seconds: float, injector: Move
) -> None:
    assert next_move(of, None, at(seconds), INJECTOR) == injector


def test_the_baseline_has_its_time_from_when_all_is_taken_back() -> None:
    times = {"admitted": T0, "reverting": at(60), "verifying": at(75)}
    assert teardown_deadline(run(Phase.VERIFYING, UNDONE, times=times)) == at(175)
    assert teardown_deadline(run(Phase.REVERTING, DONE)) == at(160)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (run(Phase.ACTIVE, **UNSEEN), "No effect was seen within 20 s."),
        (
            run(Phase.ACTIVE, **UNSEEN, duration_seconds=9.0),
            "No effect was seen within 9 s.",
        ),
    ],
)
def test_what_is_wrong_with_a_run_that_nobody_saw_bite(of: FaultRun, words: str) -> None:
    assert unseen(of) == words


ASKS = EFFECT.model_copy(
    update={
        "probe": AccessProbe(
            account="cart", rule=AccessRule(verb="get", group="", resource="configmaps")
        )
    }
)
VERIFYING = {"times": TIMES | {"verifying": at(61)}}


@pytest.mark.parametrize(
    ("of", "seconds", "left"),
    [
        (run(Phase.VERIFYING, UNDONE, **VERIFYING), 62, False),
        (run(Phase.VERIFYING, UNDONE, **VERIFYING, effect=EFFECT), 62, False),
        (run(Phase.VERIFYING, UNDONE, **VERIFYING, effect=ASKS), 62, True),
        (run(Phase.VERIFYING, UNDONE, **VERIFYING, effect=ASKS), 71, False),
    ],
)
def test_what_only_the_injector_can_ask_is_left_to_it_for_a_time(
    of: FaultRun, seconds: float, *, left: bool
) -> None:
    assert leaves_to_injector(of, at(seconds)) is left


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
