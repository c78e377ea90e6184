"""By how much a memory limit is raised, and what forbids it."""

from typing import Any

import pytest

from factories.actions import catalog, deployment, pod, scene
from factories.events import CHECKOUT, request
from ooda.actor.core.in_place import Starting
from ooda.actor.core.memory import Room
from ooda.actor.core.plan import Plan, Refusal, plan
from ooda.common.plans import DeletePodStep, FieldChange, PatchStep
from ooda.common.taxonomy import ActionKind

PATH = "/spec/template/spec/containers/1/resources/limits/memory"


def template(memory: str | None = "128Mi", **resources: Any) -> dict[str, Any]:
    limits = {"limits": {"memory": memory}} if memory else {}
    return {
        "metadata": {},
        "spec": {
            "containers": [
                {"name": "proxy", "resources": {"limits": {"memory": "64Mi"}}},
                {"name": "app", "resources": limits | resources},
            ]
        },
    }


def killed(name: str = "app", reason: str = "OOMKilled", field: str = "lastState") -> Any:
    ended = {field: {"terminated": {"reason": reason, "exitCode": 137}}}
    return {"containerStatuses": [{"name": "proxy", "state": {}}, {"name": name} | ended]}


NODE = {"status": {"allocatable": {"memory": "4Gi"}}}


def quota(hard: str, used: str = "0") -> dict[str, Any]:
    status = {"hard": {"limits.memory": hard}, "used": {"limits.memory": used}}
    return {"metadata": {"name": "all"}, "status": status}


def at_most(memory: str, kind: str = "Container") -> dict[str, Any]:
    return {"spec": {"limits": [{"type": kind, "max": {"memory": memory}}]}}


def raised(
    live: dict[str, Any] | None = None,
    known: dict[str, Any] | None = None,
    status: Any = None,
    kind: str = "Deployment",
    replicas: int = 2,
    shown: dict[str, Any] | None = None,
    **room: Any,
) -> Plan | Refusal | Starting:
    target = CHECKOUT.model_copy(update={"workload_kind": kind})
    given: dict[str, Any] = {"node": NODE} | room
    good = catalog(1, known or template())
    good["spec"]["workloads"][f"{kind}/checkout"] = good["spec"]["workloads"]["Deployment/checkout"]
    return plan(
        request(
            action=ActionKind.RAISE_MEMORY_LIMIT, target=target, parameters={"pod": "checkout-1-a"}
        ),
        scene(
            workload=deployment(template=live or template(), replicas=replicas),
            catalog=good,
            pod=(shown or pod()) | {"status": killed() if status is None else status},
            room=Room(**given),
        ),
    )


def change_of(found: Plan | Refusal | Starting) -> FieldChange:
    assert isinstance(found, Plan), found
    step = found.steps[0]
    assert isinstance(step, PatchStep)
    (change,) = step.changes
    return change


@pytest.mark.parametrize(
    ("before", "after"),
    [("128Mi", "192Mi"), ("1Gi", "1536Mi"), ("100M", "144Mi"), ("134217728", "192Mi")],
)
def test_raises_the_limit_of_the_container_that_was_killed_by_half(before: str, after: str) -> None:
    found = raised(template(before), template(before))
    assert change_of(found) == FieldChange(path=PATH, before=before, after=after)


@pytest.mark.parametrize("field", ["state", "lastState"])
def test_knows_the_container_while_it_is_down_and_after_it_came_back(field: str) -> None:
    assert change_of(raised(status=killed(field=field))).path == PATH


def test_raises_the_limit_of_an_init_container() -> None:
    live = template()
    live["spec"]["initContainers"] = live["spec"].pop("containers")[1:]
    status = {"initContainerStatuses": killed()["containerStatuses"][1:]}
    found = change_of(raised(live, live, status))
    assert found.path == "/spec/template/spec/initContainers/0/resources/limits/memory"


@pytest.mark.parametrize(
    ("known", "undo"),
    [
        pytest.param(template("128Mi"), "inverse", id="the old limit was healthy"),
        pytest.param(template("256Mi"), "keep", id="the old limit was lowered"),
        pytest.param(template(None), "keep", id="no limit was healthy"),
    ],
)
def test_is_taken_back_only_to_what_was_healthy(known: dict[str, Any], undo: str) -> None:
    found = raised(known=known)
    assert isinstance(found, Plan)
    assert found.undo == undo


def test_deletes_the_pod_that_a_stateful_set_would_wait_for_without_end() -> None:
    owner = {"kind": "StatefulSet", "name": "checkout", "uid": "uid-checkout", "controller": True}
    found = raised(kind="StatefulSet", shown=pod(ownerReferences=[owner]))
    assert isinstance(found, Plan)
    assert [type(each) for each in found.steps] == [PatchStep, DeletePodStep]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"status": killed(reason="Error")}, "no container of the pod was killed for memory"),
        ({"status": {}}, "no container of the pod was killed for memory"),
        ({"status": killed(name="gone")}, "container gone is not in the template"),
        ({"live": template(None)}, "container app has no memory limit in the template"),
        ({"live": template("384Mi")}, "576Mi is more than 4 times 128Mi, with which"),
        ({"node": None}, "which could not be read"),
        ({"node": {"status": {"allocatable": {"memory": "150Mi"}}}}, "the node has for pods"),
        ({"limit_ranges": [at_most("150Mi")]}, "a LimitRange allows a container, 150Mi"),
        ({"limit_ranges": [at_most("255Mi", "Pod")]}, "a LimitRange allows a pod, 255Mi"),
        (
            {"quotas": [quota("1Gi", "641Mi")]},
            "quota all leaves: 384 MiB are needed, 383 MiB are left",
        ),
        ({"quotas": [quota("1Gi", "2Gi")]}, "0 MiB are left"),
    ],
)
def test_refuses_in_words(given: dict[str, Any], words: str) -> None:
    found = raised(**given)
    assert isinstance(found, Refusal)
    assert words in found.reason


@pytest.mark.parametrize(
    "room",
    [
        {"limit_ranges": [at_most("192Mi"), at_most("256Mi", "Pod")]},
        {"limit_ranges": [at_most("1Mi", "PersistentVolumeClaim"), {"spec": {}}]},
        {"quotas": [quota("1Gi", "640Mi")]},
        {"quotas": [{"metadata": {"name": "cpu"}, "status": {"hard": {"cpu": "1"}}}]},
    ],
)
def test_what_just_fits_is_done(room: dict[str, Any]) -> None:
    assert change_of(raised(**room)).after == "192Mi"
