"""A memory limit is raised and taken back on a real API server, within what it allows."""

import copy
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from factories.events import ACTION_ID, NOW, make, request
from ooda.actor.core.applied import Standing, standing, taken_back
from ooda.actor.core.guards import Fence
from ooda.actor.core.in_place import Starting
from ooda.actor.core.patches import inverse
from ooda.actor.core.plan import Plan, Refusal, plan
from ooda.actor.core.record import ActionRecord, begin
from ooda.actor.looking import look_at_result, look_at_scene
from ooda.actor.planning import Planner
from ooda.actor.writing import apply_step
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Conflict, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionRequest, DecisionMade
from ooda.common.plans import PatchStep, ResizeStep
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import ActionKind
from servers.control_plane import ControlPlane
from servers.waiting import until

LABELS = {"app": "web"}
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": LABELS},
    "spec": {
        "containers": [
            {"name": "app", "image": "web:1", "resources": {"limits": {"memory": "64Mi"}}}
        ]
    },
}
RUNS = {
    "state": {"running": {"startedAt": "2026-11-25T12:00:00Z"}},
    "resources": {"limits": {"memory": "64Mi"}},
}
GUARANTEED = {"limits": {"memory": "64Mi", "cpu": "100m"}}
OOM = {
    "name": "app",
    "image": "web:1",
    "imageID": "",
    "ready": False,
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
}


def made(kind: Kind, name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": kind.api_version, "kind": kind.value, "metadata": meta} | more


@dataclass(frozen=True)
class Shop:
    """A Deployment whose one pod was killed for memory, on a node of 1 GiB."""

    plane: ControlPlane
    request: ActionRequest
    namespace: str

    def killed(self, **more: Any) -> None:
        """Have the container of the pod wait for its next start, or as is said."""
        status = {"containerStatuses": [OOM | more]}
        self.status("pod", self.request.parameters["pod"], status, "-n", self.namespace)

    def status(self, kind: str, name: str, status: dict[str, Any], *where: str) -> None:
        body = json.dumps({"status": status})
        patch = ("--subresource=status", "--type=merge", "-p", body)
        self.plane.kubectl(*where, "patch", kind, name, *patch)


async def open_shop(
    api: ApiServer, plane: ControlPlane, node: str, resources: dict[str, Any] | None
) -> Shop:
    namespace = f"a-{uuid.uuid4().hex[:8]}"
    labelled = made(Kind.NAMESPACE, namespace)
    labelled["metadata"]["labels"] = {"ooda.dev/mode": "auto"}
    await api.create(Kind.NAMESPACE, labelled)
    await api.create(Kind.NODE, made(Kind.NODE, node))
    template = copy.deepcopy(TEMPLATE)
    if resources is not None:
        template["spec"]["containers"][0]["resources"] = resources
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template}
    live = await api.create(Kind.DEPLOYMENT, made(Kind.DEPLOYMENT, "web", namespace, spec=spec))
    known = {"templates": [live["spec"]["template"]], "replicas": 1}
    workloads = {"Deployment/web": known | {"healthyAt": "2026-11-25T11:00:00Z"}}
    catalog = made(Kind.KNOWN_GOOD, "catalog", namespace, spec={"workloads": workloads})
    await api.create(Kind.KNOWN_GOOD, catalog)

    async def there() -> bool:
        return bool(await api.list(Kind.POD, namespace))

    await until(there, 20)
    pod = (await api.list(Kind.POD, namespace))[0]["metadata"]["name"]
    binding = {"metadata": {"name": pod}, "target": {"kind": "Node", "name": node}}
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/binding"
    body = {"apiVersion": "v1", "kind": "Binding"} | binding
    plane.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))
    target = WorkloadTarget(namespace=namespace, workload_kind="Deployment", name="web")
    chosen = request(action=ActionKind.RAISE_MEMORY_LIMIT, target=target, parameters={"pod": pod})
    shop = Shop(plane, chosen, namespace)
    room = {"memory": "1Gi", "cpu": "1"}
    shop.status("node", node, {"allocatable": room, "capacity": room})
    return shop


@pytest.fixture
async def shop(
    api: ApiServer, plane: ControlPlane, request: pytest.FixtureRequest
) -> AsyncIterator[Shop]:
    node = f"n-{uuid.uuid4().hex[:8]}"
    try:
        yield await open_shop(api, plane, node, getattr(request, "param", None))
    finally:
        plane.kubectl("delete", "node", node, "--ignore-not-found")


@pytest.fixture
def chosen(shop: Shop) -> ActionRequest:
    """Raise the limit where the container does not run."""
    shop.killed()
    return shop.request


async def planned(api: ApiServer, chosen: ActionRequest) -> Plan | Refusal | Starting:
    return plan(chosen, await look_at_scene(api, chosen))


async def test_is_raised_once_and_taken_back_once(api: ApiServer, chosen: ActionRequest) -> None:
    found = await planned(api, chosen)
    assert isinstance(found, Plan), found
    assert found.undo == "inverse"
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    read = await look_at_result(api, step)
    assert read is not None
    await apply_step(api, step, read, ACTION_ID, dry_run=True)
    await apply_step(api, step, read, ACTION_ID)
    written = await look_at_result(api, step)
    assert written is not None
    assert standing(step, written, ACTION_ID) is Standing.APPLIED
    container = written["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == {"limits": {"memory": "96Mi"}}
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)
    back = inverse(step, written)
    assert back is not None
    await apply_step(api, back, written, ACTION_ID, undo=True)
    undone = await look_at_result(api, step)
    assert taken_back(step, undone, ACTION_ID)
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)


def limit_of(pod: Object | None) -> str:
    assert pod is not None
    return str(pod["spec"]["containers"][0]["resources"]["limits"]["memory"])


async def test_is_raised_in_place_once_and_taken_back_once(api: ApiServer, shop: Shop) -> None:
    shop.killed(**RUNS)
    found = await planned(api, shop.request)
    assert isinstance(found, Plan), found
    (step,) = found.steps
    assert isinstance(step, ResizeStep), found.note
    read = await look_at_result(api, step)
    assert read is not None
    await apply_step(api, step, read, ACTION_ID, dry_run=True)
    await apply_step(api, step, read, ACTION_ID)
    written = await look_at_result(api, step)
    assert standing(step, written, ACTION_ID) is Standing.APPLIED
    assert limit_of(written) == "96Mi"
    assert written is not None
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)
    back = inverse(step, written)
    assert isinstance(back, ResizeStep)
    await apply_step(api, back, written, ACTION_ID, undo=True)
    undone = await look_at_result(api, step)
    assert taken_back(step, undone, ACTION_ID)
    assert limit_of(undone) == "64Mi"
    # A first write that comes this late finds the old value, and another generation.
    assert standing(step, undone, ACTION_ID) is Standing.CONFLICT
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)


def begun(shop: Shop) -> ActionRecord:
    decision = make(DecisionMade, request=shop.request, namespace=shop.namespace)
    return begin(decision, NOW)


async def test_is_asked_in_a_dry_run_and_done_in_place(api: ApiServer, shop: Shop) -> None:
    shop.killed(**RUNS)
    found = await Planner(api, Fence(frozenset(), "elsewhere")).plan(begun(shop), None)
    assert isinstance(found, Plan), found
    assert found.in_place, found.note


@pytest.mark.parametrize(
    ("shop", "status", "words"),
    [
        (GUARANTEED, RUNS, "Pod QOS Class may not change"),
        (None, {"state": RUNS["state"]}, "node without support for resize"),
    ],
    indirect=["shop"],
    ids=["guaranteed", "an old kubelet"],
)
async def test_what_the_api_server_does_not_accept_is_done_by_the_template(
    api: ApiServer, shop: Shop, status: dict[str, Any], words: str
) -> None:
    shop.killed(**status)
    found = await Planner(api, Fence(frozenset(), "elsewhere")).plan(begun(shop), None)
    assert isinstance(found, Plan), found
    assert isinstance(found.steps[0], PatchStep)
    assert words in found.note


async def test_nothing_is_planned_beyond_quota_or_limit_range(
    api: ApiServer, chosen: ActionRequest, plane: ControlPlane
) -> None:
    assert isinstance(chosen.target, WorkloadTarget)
    namespace = chosen.target.namespace
    limit = {"limits": [{"type": "Container", "max": {"memory": "80Mi"}}]}
    await api.create(Kind.LIMIT_RANGE, made(Kind.LIMIT_RANGE, "all", namespace, spec=limit))
    found = await planned(api, chosen)
    assert isinstance(found, Refusal)
    assert "96Mi is more than a LimitRange allows a container, 80Mi" in found.reason
    plane.kubectl("-n", namespace, "delete", "limitrange", "all")

    hard = {"hard": {"limits.memory": "160Mi"}}
    await api.create(Kind.RESOURCE_QUOTA, made(Kind.RESOURCE_QUOTA, "all", namespace, spec=hard))
    used = {"status": hard | {"used": {"limits.memory": "64Mi"}}}
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps(used))
    plane.kubectl("-n", namespace, "patch", "resourcequota", "all", *patch)
    found = await planned(api, chosen)
    assert isinstance(found, Refusal)
    assert "128 MiB are needed, 96 MiB are left" in found.reason
