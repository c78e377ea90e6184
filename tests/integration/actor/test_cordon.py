"""Cordoning on a real API server, by an account with exactly the actor's rights."""

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from factories.actions import record
from factories.events import ACTION_ID, make, request
from ooda.actor.core.applied import Standing, standing, taken_back
from ooda.actor.core.guards import Fence
from ooda.actor.core.patches import as_patch, inverse
from ooda.actor.core.plan import Plan, Refusal, plan
from ooda.actor.core.record import ActionRecord, State
from ooda.actor.looking import look_at_result, look_at_scene
from ooda.actor.planning import Planner
from ooda.actor.writing import apply_step
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Conflict
from ooda.common.cluster.kinds import Kind
from ooda.common.events import DecisionMade
from ooda.common.plans import CordonStep
from ooda.common.settings import ClusterSettings
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import ActionKind, Risk
from servers.control_plane import ControlPlane
from servers.kubectl import kustomize

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def node(api: ApiServer) -> AsyncIterator[NodeTarget]:
    name = f"n-{uuid.uuid4().hex[:8]}"
    labels = {"ooda.dev/mode": "auto"}
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
    made = await api.create(Kind.NODE, body)
    yield NodeTarget(name=name)
    # A node that is never ready counts, in the tests of lost nodes, against a cordon.
    await api.delete(Kind.NODE, None, name, uid=made["metadata"]["uid"])


async def test_is_cordoned_once_and_taken_back_once(api: ApiServer, node: NodeTarget) -> None:
    chosen = request(action=ActionKind.CORDON_NODE, target=node, risk=Risk.WIDE)
    found = plan(chosen, await look_at_scene(api, chosen))
    assert isinstance(found, Plan), found
    (step,) = found.steps
    assert isinstance(step, CordonStep)
    read = await look_at_result(api, step)
    assert read is not None
    await apply_step(api, step, read, ACTION_ID)
    written = await look_at_result(api, step)
    assert written is not None
    assert written["spec"]["unschedulable"] is True
    assert standing(step, written, ACTION_ID) is Standing.APPLIED
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)
    back = inverse(as_patch(step), written)
    assert back is not None
    await apply_step(api, back, written, ACTION_ID, undo=True)
    undone = await look_at_result(api, step)
    assert undone is not None
    assert "unschedulable" not in undone["spec"]
    assert taken_back(step, undone, ACTION_ID)
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)


def rules_of(folder: str, role: str) -> Iterator[dict[str, Any]]:
    for each in kustomize(ROOT / folder):
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == role:
            yield from each["rules"]


@asynccontextmanager
async def as_the_actor(plane: ControlPlane, *, granted: bool) -> AsyncIterator[ApiServer]:
    """Reach the API server as a ServiceAccount with the actor's rights, maybe to cordon, too."""
    name = f"actor-{uuid.uuid4().hex[:8]}"
    rules = list(rules_of("k8s/overlays/kind/agent", "ooda-actor"))
    if granted:
        rules += rules_of("tests/unit/manifests/cordon", "ooda-actor-cordon")
    api = "rbac.authorization.k8s.io"
    bodies: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "default"}},
        {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        },
    ]
    for body in bodies:
        named = {"metadata": {"name": name} | body.get("metadata", {})}
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(body | named))
    token = plane.kubectl("-n", "default", "create", "token", name).strip()
    settings = ClusterSettings(kubeconfig=plane.kubeconfig(name, token))
    async with ApiServer.connect(settings) as found:
        yield found


def to_cordon(node: NodeTarget) -> ActionRecord:
    chosen = request(action=ActionKind.CORDON_NODE, target=node, risk=Risk.WIDE)
    decision = make(DecisionMade, request=request(), namespace=None)
    about = {"action": chosen.action, "target": node, "risk": chosen.risk, "namespace": None}
    return record(State.PLANNING, decision, **about)


@pytest.mark.parametrize("granted", [True, False])
async def test_the_operator_grants_it_or_not(
    plane: ControlPlane, node: NodeTarget, *, granted: bool
) -> None:
    async with as_the_actor(plane, granted=granted) as api:
        planner = Planner(api, Fence(frozenset(), "another"))
        found = await planner.plan(to_cordon(node), None)
    if granted:
        assert isinstance(found, Plan), found
    else:
        assert isinstance(found, Refusal)
        assert "forbidden" in found.reason
        assert 'cannot patch resource "nodes"' in found.reason
