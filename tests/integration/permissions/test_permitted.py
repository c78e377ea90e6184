"""What the playbook does gets through, by the actor's own write path and with its own rights."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from factories.events import ACTION_ID, request
from ooda.actor.core.patches import Invertible, inverse
from ooda.actor.core.plan import Plan, plan
from ooda.actor.looking import look_at_result, look_at_scene
from ooda.actor.writing import apply_step
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Object, Refused
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.leases import LeaseHolder
from ooda.common.plans import CordonStep, FieldChange, ObjectRef, PatchStep, ResizeStep
from ooda.common.settings import ClusterSettings
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import ActionKind
from servers.agent_rights import CORDON, NAMESPACE, token_of
from servers.control_plane import MIGHTY
from servers.permissions_yard import NODE, OTHER_NODE, Yard
from servers.waiting import until

IN_POD = "/spec/containers/0/resources/limits/memory"
MEMORY = "/spec/template/spec/containers/0/resources/limits/memory"


@pytest.fixture
async def actor(yard: Yard) -> AsyncIterator[ApiServer]:
    """The API server as the actor reaches it."""
    path = yard.plane.kubeconfig("the-actor", yard.actor)
    async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
        yield api


@pytest.fixture
async def mighty(yard: Yard) -> AsyncIterator[ApiServer]:
    """The same, where RBAC refuses nothing: what admission lets through of what is to come."""
    path = yard.plane.kubeconfig("the-mighty-actor", MIGHTY)
    async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
        yield api


@pytest.fixture(params=["auto", "propose"])
def namespace(yard: Yard, request: pytest.FixtureRequest) -> str:
    """A namespace of its own, of a mode in which there are writes."""
    return yard.new(request.param)


async def reference(api: ApiServer, kind: Kind, namespace: str | None, name: str) -> ObjectRef:
    live = await api.get(kind, namespace, name)
    return ObjectRef(kind=kind, namespace=namespace, name=name, uid=live["metadata"]["uid"])


async def written(api: ApiServer, step: Invertible, *, undo: bool = False) -> Object:
    """Do a step as the actor does, first as a dry run, and return what became of the object."""
    for dry_run in (True, False):
        live = await look_at_result(api, step)
        assert live is not None
        await apply_step(api, step, live, ACTION_ID, undo=undo, dry_run=dry_run)
    after = await look_at_result(api, step)
    assert after is not None
    return after


async def changed(
    api: ApiServer, kind: Kind, namespace: str, name: str, **fields: Any
) -> tuple[PatchStep, Object]:
    """Change fields, by JSON pointers with ``_`` for each slash."""
    live = await api.get(kind, namespace, name)
    changes = []
    for path, after in fields.items():
        before: Any = live
        for part in path.split("_"):
            before = before[int(part) if part.isdigit() else part]
        changes.append(FieldChange(path="/" + path.replace("_", "/"), before=before, after=after))
    step = PatchStep(object=await reference(api, kind, namespace, name), changes=tuple(changes))
    return step, await written(api, step)


@pytest.mark.parametrize(
    ("kind", "name"), [("Deployment", "web"), ("StatefulSet", "db"), ("DaemonSet", "agent")]
)
async def test_a_roll_back(actor: ApiServer, namespace: str, kind: str, name: str) -> None:
    target = WorkloadTarget(namespace=namespace, workload_kind=kind, name=name)
    asked = request(action=ActionKind.ROLL_BACK_WORKLOAD, target=target, parameters={})
    found = plan(asked, await look_at_scene(actor, asked))
    assert isinstance(found, Plan), found
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    after = await written(actor, step)
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "example/web:1"


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "web"), ("StatefulSet", "db")])
async def test_scaling(actor: ApiServer, namespace: str, kind: str, name: str) -> None:
    target = WorkloadTarget(namespace=namespace, workload_kind=kind, name=name)
    asked = request(action=ActionKind.SCALE_TO_KNOWN_GOOD, target=target, parameters={})
    found = plan(asked, await look_at_scene(actor, asked))
    assert isinstance(found, Plan), found
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    assert (await written(actor, step))["spec"]["replicas"] == 3


async def test_restarting_a_pod(yard: Yard, actor: ApiServer, namespace: str) -> None:
    pod = yard.pod_of_web(namespace).rpartition("/")[2]
    target = WorkloadTarget(namespace=namespace, workload_kind="Deployment", name="web")
    asked = request(action=ActionKind.RESTART_POD, target=target, parameters={"pod": pod})
    found = plan(asked, await look_at_scene(actor, asked))
    assert isinstance(found, Plan), found
    (step,) = found.steps
    for dry_run in (True, False):
        await apply_step(actor, step, {}, ACTION_ID, dry_run=dry_run)
    gone = await look_at_result(actor, step)
    assert gone is None or "deletionTimestamp" in gone["metadata"]


@pytest.mark.parametrize("limit", ["96Mi", "256Mi"])
async def test_more_memory_and_its_undo(actor: ApiServer, namespace: str, limit: str) -> None:
    step, after = await changed(
        actor,
        Kind.DEPLOYMENT,
        namespace,
        "web",
        spec_template_spec_containers_0_resources_limits_memory=limit,
    )
    back = inverse(step, after)
    assert back is not None
    undone = await written(actor, back, undo=True)
    container = undone["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["memory"] == "64Mi"


async def test_memory_does_not_grow_again_and_again(actor: ApiServer, namespace: str) -> None:
    path = "spec_template_spec_containers_0_resources_limits_memory"
    await changed(actor, Kind.DEPLOYMENT, namespace, "web", **{path: "256Mi"})
    live = await actor.get(Kind.DEPLOYMENT, namespace, "web")
    step = PatchStep(
        object=await reference(actor, Kind.DEPLOYMENT, namespace, "web"),
        changes=(FieldChange(path=MEMORY, before="256Mi", after="512Mi"),),
    )
    with pytest.raises(Refused, match="ooda-actor-known-good"):
        await apply_step(actor, step, live, "act-2")


async def resizing(yard: Yard, actor: ApiServer, namespace: str, limit: str) -> ResizeStep:
    name = yard.pod_of_web(namespace).rpartition("/")[2]
    live = await actor.get(Kind.POD, namespace, name)
    before = live["spec"]["containers"][0]["resources"]["limits"]["memory"]
    return ResizeStep(
        object=await reference(actor, Kind.POD, namespace, name),
        container="app",
        changes=(FieldChange(path=IN_POD, before=before, after=limit),),
        generation=live["metadata"]["generation"],
    )


@pytest.mark.parametrize("limit", ["96Mi", "256Mi"])
async def test_more_memory_in_place_and_its_undo(
    yard: Yard, actor: ApiServer, namespace: str, limit: str
) -> None:
    step = await resizing(yard, actor, namespace, limit)
    after = await written(actor, step)
    assert after["spec"]["containers"][0]["resources"]["limits"]["memory"] == limit
    back = inverse(step, after)
    assert back is not None
    undone = await written(actor, back, undo=True)
    assert undone["spec"]["containers"][0]["resources"]["limits"]["memory"] == "64Mi"


async def test_memory_does_not_grow_in_place_again_and_again(
    yard: Yard, actor: ApiServer, namespace: str
) -> None:
    await written(actor, await resizing(yard, actor, namespace, "256Mi"))
    more = await resizing(yard, actor, namespace, "512Mi")
    with pytest.raises(Refused, match="ooda-actor-resize-known-good"):
        await written(actor, more)


async def test_a_config_map(mighty: ApiServer, namespace: str) -> None:
    _, after = await changed(
        mighty, Kind.CONFIG_MAP, namespace, "settings", data={"image": "example/web:1"}
    )
    assert after["data"] == {"image": "example/web:1"}


async def test_a_service(mighty: ApiServer, namespace: str) -> None:
    _, after = await changed(mighty, Kind.SERVICE, namespace, "web", spec_selector={"app": "1"})
    assert after["spec"]["selector"] == {"app": "1"}


def closing(yard: Yard, node: str) -> tuple[CordonStep, Object]:
    live = yard.read(f"/api/v1/nodes/{node}")
    uid = live["metadata"]["uid"]
    return CordonStep(object=ObjectRef(kind="Node", namespace=None, name=node, uid=uid)), live


@pytest.fixture
def cordon(yard: Yard) -> Iterator[None]:
    """The operator's grant."""
    written = str(CORDON / "rbac.yaml")
    yard.plane.kubectl("apply", "-f", written)
    yield
    yard.plane.kubectl("delete", "-f", written)


async def test_closing_a_node_is_a_grant_of_its_own(yard: Yard, actor: ApiServer) -> None:
    step, live = closing(yard, NODE)
    with pytest.raises(Refused, match="cannot patch resource"):
        await apply_step(actor, step, live, ACTION_ID)


@pytest.mark.usefixtures("cordon")
async def test_with_the_grant_a_node_is_closed_and_opened_and_nothing_else(
    yard: Yard, actor: ApiServer
) -> None:
    step, live = closing(yard, NODE)
    await until(lambda: _passes(actor, step, live))
    closed = closing(yard, NODE)[1]
    assert closed["spec"]["unschedulable"] is True
    undo = FieldChange(path="/spec/unschedulable", before=True, after=None)
    back = PatchStep(object=step.object, changes=(undo,))
    await apply_step(actor, back, closed, ACTION_ID, undo=True)
    opened = closing(yard, NODE)[1]
    assert "unschedulable" not in opened["spec"]

    named = FieldChange(path="/spec/providerID", before=None, after="another://machine")
    more = PatchStep(object=step.object, changes=(named,))
    with pytest.raises(Refused, match="ooda-actor-cordon"):
        await apply_step(actor, more, opened, "act-2")
    with pytest.raises(Refused, match="the node's label"):
        await apply_step(actor, *closing(yard, OTHER_NODE), "act-2")
    with pytest.raises(Refused, match="the actor itself runs on this node"):
        await _from_the_node_itself(yard, step, opened)


async def _passes(api: ApiServer, step: CordonStep, live: Object) -> bool:
    try:
        await apply_step(api, step, live, ACTION_ID)
    except Refused:
        return False
    return True


async def _from_the_node_itself(yard: Yard, step: CordonStep, live: Object) -> None:
    """Try with the token of a pod there, which says where it is."""
    there = token_of(yard.plane, "actor", "--bound-object-kind=Node", f"--bound-object-name={NODE}")
    path = yard.plane.kubeconfig("the-actor-on-a-node", there)
    async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
        await apply_step(api, step, live, "act-2")


async def test_its_own_lease(actor: ApiServer) -> None:
    holder = LeaseHolder(actor, NAMESPACE, "ooda-actor", "a-test", SystemClock())
    async with asyncio.timeout(10):
        await holder.acquire()
    await holder.release()
    lease = await actor.get(Kind.LEASE, NAMESPACE, "ooda-actor")
    assert lease["spec"]["holderIdentity"] == ""
