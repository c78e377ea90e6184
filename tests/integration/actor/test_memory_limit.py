"""A memory limit is raised and taken back on a real API server, within what it allows."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from factories.events import ACTION_ID, request
from ooda.actor.core.applied import Standing, standing, taken_back
from ooda.actor.core.patches import inverse
from ooda.actor.core.plan import Plan, Refusal, plan
from ooda.actor.looking import look_at_result, look_at_scene
from ooda.actor.writing import apply_step
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Conflict
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionRequest
from ooda.common.plans import PatchStep
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import ActionKind
from servers.control_plane import ControlPlane
from servers.waiting import until

LABELS = {"app": "web"}
TEMPLATE = {
    "metadata": {"labels": LABELS},
    "spec": {
        "containers": [
            {"name": "app", "image": "web:1", "resources": {"limits": {"memory": "64Mi"}}}
        ]
    },
}
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


@pytest.fixture
async def chosen(api: ApiServer, plane: ControlPlane) -> AsyncIterator[ActionRequest]:
    """Raise the limit of a Deployment whose one pod was killed for memory, on a node of 1 GiB."""
    namespace, node = f"a-{uuid.uuid4().hex[:8]}", f"n-{uuid.uuid4().hex[:8]}"
    await api.create(Kind.NAMESPACE, made(Kind.NAMESPACE, namespace))
    await api.create(Kind.NODE, made(Kind.NODE, node))
    capacity = {"status": {"allocatable": {"memory": "1Gi"}, "capacity": {"memory": "1Gi"}}}
    plane.kubectl(
        "patch", "node", node, "--subresource=status", "--type=merge", "-p", json.dumps(capacity)
    )
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
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
    status = json.dumps({"status": {"containerStatuses": [OOM]}})
    plane.kubectl(
        "-n", namespace, "patch", "pod", pod, "--subresource=status", "--type=merge", "-p", status
    )
    yield request(
        action=ActionKind.RAISE_MEMORY_LIMIT,
        target=WorkloadTarget(namespace=namespace, workload_kind="Deployment", name="web"),
        parameters={"pod": pod},
    )
    plane.kubectl("delete", "node", node)


async def planned(api: ApiServer, chosen: ActionRequest) -> Plan | Refusal:
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
    assert taken_back(undone, ACTION_ID)
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)


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
