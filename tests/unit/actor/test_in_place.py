"""Where a memory limit is raised in the pods that run, and where the template has to do."""

from typing import Any

import pytest

from factories.actions import catalog, deployment, limited_pod, scene
from factories.events import request
from ooda.actor.core.in_place import Placed, Starting
from ooda.actor.core.memory import Room
from ooda.actor.core.plan import Plan, Refusal, plan
from ooda.common.plans import FieldChange, PatchStep, ResizeStep
from ooda.common.taxonomy import ActionKind

PATH = "/spec/containers/0/resources/limits/memory"
NODE = {"status": {"allocatable": {"memory": "4Gi"}}}
ENDED = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}


def template(memory: str) -> dict[str, Any]:
    container = {"name": "app", "resources": {"limits": {"memory": memory}}}
    return {"metadata": {}, "spec": {"containers": [container]}}


def killed(memory: str = "64Mi", **status: Any) -> dict[str, Any]:
    found = limited_pod(memory, generation=4)
    found["status"]["containerStatuses"][0] |= {"lastState": ENDED, "restartCount": 1} | status
    return found


def another(number: int, memory: str = "64Mi", **given: Any) -> Placed:
    meta = {"name": f"checkout-1-{number}", "uid": f"uid-{number}", "generation": 1} | given
    return Placed(limited_pod(memory, **meta), NODE)


def made(
    shown: dict[str, Any] | None = None,
    *others: Placed,
    known: str = "64Mi",
    live: str = "64Mi",
    not_in_place: str | None = None,
    may_wait: bool = False,
    **room: Any,
) -> Plan | Refusal | Starting:
    return plan(
        request(action=ActionKind.RAISE_MEMORY_LIMIT, parameters={"pod": "checkout-1-a"}),
        scene(
            workload=deployment(template=template(live)),
            catalog=catalog(1, template(known)),
            pod=shown or killed(),
            room=Room(**{"node": NODE} | room),
            others=others,
            not_in_place=not_in_place,
            may_wait=may_wait,
        ),
    )


def planned(*given: Any, **more: Any) -> Plan:
    found = made(*given, **more)
    assert isinstance(found, Plan), found
    return found


def resized(found: Plan) -> list[str]:
    assert found.in_place, found.note
    assert all(isinstance(each, ResizeStep) for each in found.steps)
    return [each.object.name for each in found.steps if isinstance(each, ResizeStep)]


def test_raises_by_half_and_says_how_it_was() -> None:
    found = planned()
    (step,) = found.steps
    assert isinstance(step, ResizeStep)
    assert step.object.uid == "uid-pod"
    assert (step.container, step.generation, step.restarts) == ("app", 4, 1)
    assert step.changes == (FieldChange(path=PATH, before="64Mi", after="96Mi"),)
    assert found.before[0].fields == {PATH: "64Mi"}
    assert (found.undo, found.note) == ("inverse", "")


def test_is_taken_back_only_to_what_was_healthy() -> None:
    assert planned(known="128Mi").undo == "keep"


def test_raises_the_pods_that_the_same_controller_made_with_the_same_limit() -> None:
    stranger = {"kind": "ReplicaSet", "name": "checkout-0", "uid": "uid-old", "controller": True}
    others = (
        another(1),
        another(2, "96Mi"),
        another(3, ownerReferences=[stranger]),
        another(4, deletionTimestamp="2026-11-25T12:00:00Z"),
    )
    assert resized(planned(None, *others)) == ["checkout-1-a", "checkout-1-1"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, "does not run"),
        ({}, "does not run"),
        ({"waiting": {"reason": "ContainerCreating"}}, "is about to run"),
        (ENDED, "is about to run"),
    ],
    ids=["backs off", "unknown", "is created", "just ended"],
)
def test_what_does_not_run_is_replaced_unless_it_is_about_to(
    state: dict[str, Any], words: str
) -> None:
    shown = killed(state=state)
    assert planned(shown).note == f"Not in place: container app of pod checkout-1-a {words}."
    resting = another(1)
    resting.pod["status"]["containerStatuses"][0]["state"] = state
    found = planned(None, resting)
    assert found.note == f"Not in place: container app of pod checkout-1-1 {words}."
    waited = made(shown, may_wait=True)
    assert isinstance(waited, Starting if words == "is about to run" else Plan)


def test_a_container_that_is_restarted_for_it_is_replaced() -> None:
    shown = killed()
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    shown["spec"]["containers"][0]["resizePolicy"] = policy
    assert "is restarted when its memory limit changes" in planned(shown).note


def test_else_the_template_is_changed_and_says_why() -> None:
    found = planned(not_in_place="it is not served.")
    assert isinstance(found.steps[0], PatchStep)
    assert found.note == "Not in place: it is not served."


def test_more_pods_than_are_raised_at_once_are_left_to_a_rollout() -> None:
    assert len(resized(planned(None, *(another(each) for each in range(9))))) == 10
    found = planned(None, *(another(each) for each in range(10)))
    assert "11 pods have this limit, and 10 are raised at once at most" in found.note


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (
            {"limit_ranges": [{"spec": {"limits": [{"type": "Pod", "max": {"memory": "96Mi"}}]}}]},
            "",
        ),
        ({"quotas": [("96Mi", "64Mi")]}, ""),
        ({"quotas": [("95Mi", "64Mi")]}, None),
        ({"node": {"status": {"allocatable": {"memory": "95Mi"}}}}, None),
    ],
)
def test_holds_to_the_same_bounds(room: dict[str, Any], words: str | None) -> None:
    quotas = [
        {
            "metadata": {"name": "all"},
            "status": {"hard": {"limits.memory": hard}, "used": {"limits.memory": used}},
        }
        for hard, used in room.pop("quotas", ())
    ]
    room = room | ({"quotas": quotas} if quotas else {})
    if words is None:
        # What does not fit in place does not fit into a template that replaces the pods either.
        with pytest.raises(AssertionError, match="is more than"):
            planned(**room)
    else:
        assert resized(planned(**room))


def test_a_node_that_could_not_be_read_forbids_it() -> None:
    unseen = Placed(another(1).pod)
    assert "could not be read" in planned(None, unseen).note


def test_the_template_gets_more_than_what_a_pod_was_killed_with() -> None:
    shown = killed("96Mi")
    found = planned(shown, not_in_place="it was done before")
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    assert (step.changes[0].before, step.changes[0].after) == ("64Mi", "144Mi")
