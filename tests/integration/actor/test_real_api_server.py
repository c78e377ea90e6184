"""The guards of the write path, and a death between write and record, on a real API server."""

import asyncio
import uuid
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from factories.actions import snapshot
from factories.events import ACTION_ID, make, request
from ooda.actor.core.applied import Standing, standing, taken_back
from ooda.actor.core.guards import Fence
from ooda.actor.core.patches import inverse
from ooda.actor.core.plan import Plan, plan
from ooda.actor.core.record import ActionRecord, State, begin
from ooda.actor.driver import Driver
from ooda.actor.looking import is_stopped, look_at_result, look_at_scene, mode_at
from ooda.actor.meters import Meters
from ooda.actor.planning import Planner
from ooda.actor.sightings import Sightings
from ooda.actor.writing import apply_step
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Conflict
from ooda.common.cluster.kinds import Kind
from ooda.common.events import ActionExecuted, ActionRequest, DecisionMade
from ooda.common.plans import PatchStep
from ooda.common.targets import ServiceTarget, WorkloadTarget
from ooda.common.taxonomy import ActionKind, Mode
from ooda.common.testing.bus import MemoryBus
from ooda.common.topology import ACTIONS

LABELS = {"app": "web"}


def template(image: str) -> dict[str, Any]:
    containers = [{"name": "app", "image": image}]
    return {"metadata": {"labels": LABELS}, "spec": {"containers": containers}}


@pytest.fixture
async def target(api: ApiServer) -> WorkloadTarget:
    """A Deployment of the bad image in a namespace whose catalogue knows the good one."""
    namespace = f"a-{uuid.uuid4().hex[:8]}"
    labels = {"ooda.dev/mode": "auto"}
    await api.create(
        Kind.NAMESPACE,
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": labels},
        },
    )
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": template("web:good"),
        },
    }
    good = await api.create(Kind.DEPLOYMENT, body, dry_run=True)
    body["spec"]["template"] = template("web:bad")  # type: ignore[index]
    await api.create(Kind.DEPLOYMENT, body)
    known = {
        "templates": [good["spec"]["template"]],
        "replicas": 3,
        "healthyAt": "2026-11-25T11:00:00Z",
    }
    await api.create(
        Kind.KNOWN_GOOD,
        {
            "apiVersion": Kind.KNOWN_GOOD.api_version,
            "kind": "KnownGood",
            "metadata": {"name": "catalog", "namespace": namespace},
            "spec": {"workloads": {"Deployment/web": known}},
        },
    )
    return WorkloadTarget(namespace=namespace, workload_kind="Deployment", name="web")


async def planned(api: ApiServer, chosen: ActionRequest) -> tuple[Plan, PatchStep]:
    found = plan(chosen, await look_at_scene(api, chosen))
    assert isinstance(found, Plan), found
    (step,) = found.steps
    assert isinstance(step, PatchStep)
    return found, step


@pytest.mark.parametrize("action", [ActionKind.ROLL_BACK_WORKLOAD, ActionKind.SCALE_TO_KNOWN_GOOD])
async def test_a_late_duplicate_finds_the_guard_even_after_the_undo(
    api: ApiServer, target: WorkloadTarget, action: ActionKind
) -> None:
    _, step = await planned(api, request(action=action, target=target))
    first = await look_at_result(api, step)
    assert first is not None
    await apply_step(api, step, first, ACTION_ID, dry_run=True)
    assert standing(step, await look_at_result(api, step), ACTION_ID) is Standing.NOT_APPLIED

    await apply_step(api, step, first, ACTION_ID)
    written = await look_at_result(api, step)
    assert written is not None
    assert standing(step, written, ACTION_ID) is Standing.APPLIED
    with pytest.raises(Conflict):
        await apply_step(api, step, first, ACTION_ID)

    back = inverse(step, written)
    assert back is not None
    await apply_step(api, back, written, ACTION_ID, undo=True)
    undone = await look_at_result(api, step)
    assert taken_back(step, undone, ACTION_ID)
    with pytest.raises(Conflict):
        await apply_step(api, step, first, ACTION_ID)
    with pytest.raises(Conflict):
        await apply_step(api, back, written, ACTION_ID, undo=True)


async def test_what_somebody_changed_in_between_is_not_overwritten(
    api: ApiServer, target: WorkloadTarget
) -> None:
    chosen = request(action=ActionKind.SCALE_TO_KNOWN_GOOD, target=target)
    _, step = await planned(api, chosen)
    read = await look_at_result(api, step)
    assert read is not None
    theirs = [{"op": "replace", "path": "/spec/replicas", "value": 2}]
    await api.patch(Kind.DEPLOYMENT, target.namespace, "web", theirs)
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)
    assert standing(step, await look_at_result(api, step), ACTION_ID) is Standing.CONFLICT


async def test_a_config_map_goes_back_to_what_was_good_and_only_if_nobody_changed_it(
    api: ApiServer, target: WorkloadTarget
) -> None:
    uses: dict[str, Any] = {"op": "add", "path": "/spec/template/spec/containers/0/envFrom"}
    uses["value"] = [{"configMapRef": {"name": "flags"}}]
    await api.patch(Kind.DEPLOYMENT, target.namespace, "web", [uses])
    meta = {"name": "flags", "namespace": target.namespace}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"B": "2"}}
    await api.create(Kind.CONFIG_MAP, config)
    known = {"op": "add", "path": "/spec/configMaps", "value": {"flags": [{"data": {"A": "1"}}]}}
    await api.patch(Kind.KNOWN_GOOD, target.namespace, "catalog", [known])
    chosen = request(
        action=ActionKind.ROLL_BACK_CONFIG_MAP, target=target, parameters={"config_map": "flags"}
    )
    _, step = await planned(api, chosen)
    read = await look_at_result(api, step)
    assert read is not None
    await apply_step(api, step, read, ACTION_ID, dry_run=True)

    await apply_step(api, step, read, ACTION_ID)
    written = await look_at_result(api, step)
    assert written is not None
    assert written["data"] == {"A": "1"}
    assert standing(step, written, ACTION_ID) is Standing.APPLIED
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)


async def test_a_service_leads_again_where_it_led_and_keeps_its_address(
    api: ApiServer, target: WorkloadTarget
) -> None:
    meta = {"name": "front", "namespace": target.namespace}
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "old", "port": 81}]
    body = {"apiVersion": "v1", "kind": "Service", "metadata": meta}
    made = await api.create(
        Kind.SERVICE, body | {"spec": {"selector": LABELS, "ports": ports, "type": "NodePort"}}
    )
    known = {"op": "add", "path": "/spec/services", "value": {"front": [made["spec"]]}}
    await api.patch(Kind.KNOWN_GOOD, target.namespace, "catalog", [known])
    wrong: list[dict[str, Any]] = [
        {"op": "replace", "path": "/spec/selector", "value": {"app": "wbe"}},
        {"op": "replace", "path": "/spec/ports/0/targetPort", "value": "nowhere"},
    ]
    await api.patch(Kind.SERVICE, target.namespace, "front", wrong)
    front = ServiceTarget(namespace=target.namespace, name="front")
    _, step = await planned(api, request(action=ActionKind.ROLL_BACK_SERVICE, target=front))
    read = await look_at_result(api, step)
    assert read is not None
    await apply_step(api, step, read, ACTION_ID, dry_run=True)

    await apply_step(api, step, read, ACTION_ID)
    written = await look_at_result(api, step)
    assert written is not None
    assert written["spec"] == made["spec"]
    assert standing(step, written, ACTION_ID) is Standing.APPLIED
    with pytest.raises(Conflict):
        await apply_step(api, step, read, ACTION_ID)


async def test_reads_mode_and_kill_switch(api: ApiServer, target: WorkloadTarget) -> None:
    assert await mode_at(api, target) is Mode.AUTO
    assert await is_stopped(api, target.namespace) is False
    switch = {"name": "ooda-stop", "namespace": target.namespace}
    await api.create(Kind.CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": switch})
    assert await is_stopped(api, target.namespace) is True


@pytest.mark.parametrize("wrote", [True, False], ids=["after the write", "before the write"])
async def test_died_around_the_write(
    api: ApiServer, target: WorkloadTarget, *, wrote: bool
) -> None:
    clock = SystemClock()
    chosen = request(target=target)
    found, step = await planned(api, chosen)
    read = await look_at_result(api, step)
    assert read is not None
    if wrote:
        await apply_step(api, step, read, ACTION_ID)
    decision = make(
        DecisionMade,
        request=chosen,
        occurred_at=clock.now(),
        valid_until=clock.now().replace(year=2999),
    )
    record = begin(decision, clock.now(), State.APPLYING, "A test says so.").model_copy(
        update={"steps": found.steps, "undo": found.undo, "before": found.before}
    )
    bus = MemoryBus()
    bucket = bus.bucket(ACTIONS, ActionRecord)
    await bucket.put(ACTION_ID, record, None)
    sightings = Sightings()
    sightings.seen(snapshot(clock.now(), ill=True, namespace=target.namespace))
    planner = Planner(api, Fence(frozenset(), "node-1"))
    meters = Meters(CollectorRegistry())
    driver = Driver(bucket, bus, planner, clock, sightings, "ooda-system", meters)
    await driver.load()
    running = asyncio.create_task(driver.run())
    async with asyncio.timeout(20):
        while driver.counts() != {"verifying": "1"}:
            bus.said.clear()
            if not bus.on("action.applied"):
                await bus.said.wait()
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    live = await look_at_result(api, step)
    assert live is not None
    assert live["metadata"]["generation"] == read["metadata"]["generation"] + 1
    assert live["metadata"]["annotations"]["ooda.dev/action"] == ACTION_ID
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "web:good"
    assert bus.on(ActionExecuted.subject) == []
