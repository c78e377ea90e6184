from typing import Any

import pytest

from factories.actions import BAD, GOOD, catalog, deployment, pod, replica_set, scene
from factories.events import CHECKOUT, NAMESPACE, request
from ooda.actor.core.plan import Plan, Refusal, Scene, plan
from ooda.common.plans import CordonStep, DeletePodStep, FieldChange, PatchStep
from ooda.common.targets import NodeTarget, PodTarget, ServiceTarget
from ooda.common.taxonomy import ActionKind

ROLL_BACK = ActionKind.ROLL_BACK_WORKLOAD
RESTART = ActionKind.RESTART_POD
SCALE = ActionKind.SCALE_TO_KNOWN_GOOD
POD = {"pod": "checkout-1-a"}


def planned(action: ActionKind, **given: Any) -> Plan:
    found = plan(request(action=action, parameters=POD), scene(**given))
    assert isinstance(found, Plan), found
    return found


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_rolls_the_whole_template_back_and_never_forward_again(kind: str) -> None:
    target = CHECKOUT.model_copy(update={"workload_kind": kind})
    known = catalog()
    known["spec"]["workloads"][f"{kind}/checkout"] = known["spec"]["workloads"][
        "Deployment/checkout"
    ]
    found = plan(request(action=ROLL_BACK, target=target), scene(catalog=known))
    assert isinstance(found, Plan)
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    assert step.changes == (FieldChange(path="/spec/template", before=BAD, after=GOOD),)
    assert (step.object.kind, step.object.uid) == (kind, "uid-checkout")
    assert found.undo == "keep"
    assert found.before[0].fields == {"/spec/template": BAD}


@pytest.mark.parametrize(("strategy", "deleted"), [("OnDelete", True), ("RollingUpdate", False)])
def test_a_pod_of_a_daemon_set_that_nobody_replaces_is_deleted_with_the_roll_back(
    strategy: str, *, deleted: bool
) -> None:
    target = CHECKOUT.model_copy(update={"workload_kind": "DaemonSet"})
    known = catalog()
    known["spec"]["workloads"] = {
        "DaemonSet/checkout": known["spec"]["workloads"]["Deployment/checkout"]
    }
    live = deployment()
    live["spec"]["updateStrategy"] = {"type": strategy}
    owner = {"kind": "DaemonSet", "name": "checkout", "uid": "uid-checkout", "controller": True}
    found = plan(
        request(action=ROLL_BACK, target=target, parameters=POD),
        scene(
            workload=live, catalog=known, pod=of_a_set(ownerReferences=[owner]), replica_set=None
        ),
    )
    assert isinstance(found, Plan)
    kinds = [type(each) for each in found.steps]
    assert kinds == ([PatchStep, DeletePodStep] if deleted else [PatchStep])


def rolled_back_set(live_pod: dict[str, Any] | None) -> Plan:
    target = CHECKOUT.model_copy(update={"workload_kind": "StatefulSet"})
    known = catalog()
    known["spec"]["workloads"] = {
        "StatefulSet/checkout": known["spec"]["workloads"]["Deployment/checkout"]
    }
    found = plan(
        request(action=ROLL_BACK, target=target, parameters=POD),
        scene(catalog=known, pod=live_pod, replica_set=None),
    )
    assert isinstance(found, Plan)
    return found


def of_a_set(ready: str = "False", **metadata: Any) -> dict[str, Any]:
    owner = {"kind": "StatefulSet", "name": "checkout", "uid": "uid-checkout", "controller": True}
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    return pod(**({"ownerReferences": [owner]} | metadata)) | {"status": status}


def test_deletes_the_pod_that_a_stateful_set_would_wait_for_without_end() -> None:
    found = rolled_back_set(of_a_set())
    patch, delete = found.steps
    assert isinstance(patch, PatchStep)
    assert isinstance(delete, DeletePodStep)
    assert (delete.object.name, delete.object.uid) == ("checkout-1-a", "uid-pod")
    assert found.undo == "keep"


@pytest.mark.parametrize(
    "live_pod",
    [
        None,
        of_a_set("True"),
        of_a_set(deletionTimestamp="2026-11-25T12:00:00Z"),
        of_a_set(ownerReferences=[]),
    ],
    ids=["gone", "ready", "leaving", "of another"],
)
def test_deletes_no_other_pod_with_a_roll_back(live_pod: dict[str, Any] | None) -> None:
    assert [type(each) for each in rolled_back_set(live_pod).steps] == [PatchStep]


def test_rolls_back_to_the_newest_template_that_differs() -> None:
    newer: dict[str, Any] = {"metadata": {}, "spec": {"containers": []}}
    (step,) = planned(ROLL_BACK, catalog=catalog(1, GOOD, newer)).steps
    assert isinstance(step, PatchStep)
    assert step.changes[0].after == newer


def test_restarts_a_pod_by_uid() -> None:
    found = planned(RESTART)
    (step,) = found.steps
    assert isinstance(step, DeletePodStep)
    assert (step.object.name, step.object.uid) == ("checkout-1-a", "uid-pod")
    assert found.undo == "irreversible"


def test_restarts_a_pod_that_its_controller_owns_directly() -> None:
    owner = {"kind": "DaemonSet", "name": "checkout", "uid": "uid-checkout", "controller": True}
    assert planned(RESTART, pod=pod(ownerReferences=[owner]), replica_set=None).steps


def test_scales_up_and_never_back_into_the_fault() -> None:
    found = planned(SCALE)
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    assert step.changes == (FieldChange(path="/spec/replicas", before=1, after=2),)
    assert found.undo == "keep"


FRONT = ServiceTarget(namespace=NAMESPACE, name="front")
LED = {"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": 8080}], "clusterIP": "1"}


def service_scene(spec: dict[str, Any] | None) -> Any:
    meta = {"name": "front", "namespace": NAMESPACE, "uid": "uid-front"}
    known = {"spec": {"services": {"front": [LED]}}}
    return scene(catalog=known, service=spec and {"metadata": meta, "spec": LED | spec})


@pytest.mark.parametrize(
    ("spec", "changes"),
    [
        ({"selector": {"app": "b"}}, [("/spec/selector", {"app": "b"}, {"app": "a"})]),
        ({"selector": None}, [("/spec/selector", None, {"app": "a"})]),
        ({"ports": [{"port": 80}]}, [("/spec/ports", [{"port": 80}], LED["ports"])]),
        (
            {"clusterIP": "2", "selector": {"app": "b"}},
            [("/spec/selector", {"app": "b"}, {"app": "a"})],
        ),
    ],
    ids=["selector", "no selector", "ports", "never its address"],
)
def test_rolls_back_where_a_service_leads(
    spec: dict[str, Any], changes: list[tuple[str, Any, Any]]
) -> None:
    found = plan(request(action=ActionKind.ROLL_BACK_SERVICE, target=FRONT), service_scene(spec))
    assert isinstance(found, Plan), found
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    assert [(each.path, each.before, each.after) for each in step.changes] == changes
    assert (step.object.kind, step.object.uid, found.undo) == ("Service", "uid-front", "keep")


@pytest.mark.parametrize(
    ("action", "target", "spec", "words"),
    [
        (ActionKind.ROLL_BACK_SERVICE, FRONT, None, "does not exist"),
        (ActionKind.ROLL_BACK_SERVICE, FRONT, {"type": "NodePort"}, "No known good content"),
        (ActionKind.ROLL_BACK_SERVICE, CHECKOUT, {"selector": {}}, "is no action on"),
        (ROLL_BACK, FRONT, {"selector": {}}, "is no action on"),
        (RESTART, FRONT, {"selector": {}}, "is no action on"),
    ],
)
def test_leaves_other_services_alone(
    action: ActionKind, target: Any, spec: dict[str, Any] | None, words: str
) -> None:
    found = plan(request(action=action, target=target, parameters=POD), service_scene(spec))
    assert isinstance(found, Refusal)
    assert words in found.reason


def config_scene(live: dict[str, Any] | None, good: dict[str, Any], used: str = "flags") -> Any:
    known = catalog()
    known["spec"]["configMaps"] = {"flags": [good]}
    uses = {"containers": [{"envFrom": [{"configMapRef": {"name": used}}]}]}
    named = {"metadata": {"name": "flags", "namespace": NAMESPACE, "uid": "uid-c"}}
    body = None if live is None else named | live
    return scene(catalog=known, workload=deployment(template={"spec": uses}), config_map=body)


CONFIG_REQUEST = {
    "action": ActionKind.ROLL_BACK_CONFIG_MAP,
    "parameters": {"config_map": "flags"},
}


@pytest.mark.parametrize(
    ("live", "good", "changes"),
    [
        ({"data": {"A": "2"}}, {"data": {"A": "1"}}, [("/data", {"A": "2"}, {"A": "1"})]),
        ({}, {"data": {"A": "1"}}, [("/data", None, {"A": "1"})]),
        (
            {"data": {"A": "1"}, "binaryData": {"B": "eA=="}},
            {"data": {"A": "1"}},
            [("/binaryData", {"B": "eA=="}, None)],
        ),
    ],
    ids=["value", "emptied", "part that is new"],
)
def test_rolls_a_config_map_back_to_the_content_that_was_good(
    live: dict[str, Any], good: dict[str, Any], changes: list[tuple[str, Any, Any]]
) -> None:
    found = plan(request(**CONFIG_REQUEST), config_scene(live, good))
    assert isinstance(found, Plan), found
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    assert [(each.path, each.before, each.after) for each in step.changes] == changes
    assert (step.object.kind, step.object.uid) == ("ConfigMap", "uid-c")
    assert found.undo == "keep"


@pytest.mark.parametrize(
    ("live", "good", "used", "words"),
    [
        (None, {"data": {"A": "1"}}, "flags", "does not exist"),
        ({"data": {"A": "1"}}, {"data": {"A": "1"}}, "flags", "No known good content"),
        ({"data": {"A": "2"}}, {"data": {"A": "1"}}, "other", "not one that the workload uses"),
    ],
)
def test_leaves_other_config_maps_alone(
    live: dict[str, Any] | None, good: dict[str, Any], used: str, words: str
) -> None:
    found = plan(request(**CONFIG_REQUEST), config_scene(live, good, used))
    assert isinstance(found, Refusal)
    assert words in found.reason


def test_does_not_guess_which_config_map_is_meant() -> None:
    given = config_scene({}, {"data": {"A": "1"}})
    found = plan(request(action=ActionKind.ROLL_BACK_CONFIG_MAP), given)
    assert isinstance(found, Refusal)
    assert "does not name" in found.reason


@pytest.mark.parametrize(
    ("action", "given", "words"),
    [
        (ROLL_BACK, {"workload": None}, "does not exist"),
        (ROLL_BACK, {"catalog": None}, "Nothing is recorded"),
        (ROLL_BACK, {"catalog": {"spec": {"workloads": 3}}}, "not valid"),
        (ROLL_BACK, {"catalog": {}}, "No known good template"),
        (ROLL_BACK, {"catalog": catalog(1, BAD)}, "No known good template"),
        (SCALE, {"catalog": {}}, "No known good number"),
        (SCALE, {"catalog": catalog(None)}, "No known good number"),
        (SCALE, {"workload": deployment(replicas=2)}, "never down"),
        (SCALE, {"workload": deployment(replicas=5)}, "never down"),
        (RESTART, {"pod": None}, "does not exist any more"),
        (RESTART, {"pod": pod(deletionTimestamp="2026-11-25T12:00:00Z")}, "terminating"),
        (RESTART, {"pod": pod(ownerReferences=[])}, "does not belong"),
        (RESTART, {"replica_set": replica_set("uid-other")}, "does not belong"),
        (RESTART, {"replica_set": None}, "does not belong"),
    ],
)
def test_refuses_in_words(action: ActionKind, given: dict[str, Any], words: str) -> None:
    found = plan(request(action=action, parameters=POD), scene(**given))
    assert isinstance(found, Refusal)
    assert words in found.reason


def test_does_not_guess_which_pod_to_restart() -> None:
    for action in (RESTART, ActionKind.RAISE_MEMORY_LIMIT):
        assert isinstance(plan(request(action=action), scene()), Refusal)


NODE = {"metadata": {"name": "node-1", "uid": "uid-node"}, "spec": {}}
CORDON = ActionKind.CORDON_NODE


def test_cordons_a_node_and_can_take_it_back() -> None:
    chosen = request(action=CORDON, target=NodeTarget(name="node-1"))
    found = plan(chosen, Scene(workload=None, node=NODE))
    assert isinstance(found, Plan)
    (step,) = found.steps
    assert isinstance(step, CordonStep)
    assert (step.object.kind, step.object.uid) == ("Node", "uid-node")
    assert found.undo == "inverse"
    assert found.before[0].fields == {"/spec/unschedulable": None}


@pytest.mark.parametrize(
    ("node", "words"),
    [(None, "does not exist"), (NODE | {"spec": {"unschedulable": True}}, "cordoned already")],
)
def test_does_not_cordon_what_is_gone_or_cordoned(node: Any, words: str) -> None:
    chosen = request(action=CORDON, target=NodeTarget(name="node-1"))
    found = plan(chosen, Scene(workload=None, node=node))
    assert isinstance(found, Refusal)
    assert words in found.reason


def test_cordons_no_workload() -> None:
    assert isinstance(plan(request(action=CORDON), scene()), Refusal)


@pytest.mark.parametrize(
    "target",
    [
        PodTarget(namespace=NAMESPACE, name="checkout-1-a"),
        NodeTarget(name="node-1"),
        CHECKOUT.model_copy(update={"workload_kind": "Job"}),
        CHECKOUT.model_copy(update={"workload_kind": "Nonsense"}),
    ],
)
@pytest.mark.parametrize("action", list(ActionKind))
def test_knows_no_action_on_other_targets(action: ActionKind, target: Any) -> None:
    found = plan(request(action=action, target=target, parameters=POD), scene())
    assert isinstance(found, Refusal)


def test_a_daemon_set_has_no_replicas() -> None:
    target = CHECKOUT.model_copy(update={"workload_kind": "DaemonSet"})
    assert isinstance(plan(request(action=SCALE, target=target), scene()), Refusal)
