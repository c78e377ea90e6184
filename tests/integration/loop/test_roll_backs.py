"""What is not a workload is taken back by the whole loop, and only there."""

import json
from typing import Any

import pytest

from servers.paper_kubelet import CRASH
from servers.story import WORKLOAD, Story
from servers.waiting import until
from servers.yard import Yard, reads, workload

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(150)]


async def front(story: Story) -> dict[str, Any]:
    """Have a Service in front of the workload, which the agent knows to be good; return it."""
    port = {"name": "http", "containerPort": 8080}
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "ports": [port]}]}}}}
    deploy = ("-n", story.namespace, "patch", "deploy", WORKLOAD, "-p", json.dumps(patch))
    await story.kubectl(*deploy)
    meta = {"name": "front", "namespace": story.namespace}
    ports = [{"port": 80, "targetPort": "http"}]
    spec = {"selector": {"app": WORKLOAD}, "ports": ports}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    await story.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    async def known() -> bool:
        catalog = await read(story, "knowngood", "catalog")
        return "front" in catalog["spec"].get("services", {})

    await until(known, 40)
    found: dict[str, Any] = (await read(story, "service", "front"))["spec"]
    return found


async def read(story: Story, kind: str, name: str) -> dict[str, Any]:
    found = await story.kubectl("-n", story.namespace, "get", kind, name, "-o", "json")
    thing: dict[str, Any] = json.loads(found)
    return thing


@pytest.mark.parametrize(
    "change",
    [{"selector": {"app": "wbe"}}, {"ports": [{"port": 80, "targetPort": 9999}]}],
    ids=["selector", "port"],
)
async def test_a_service_that_leads_nowhere(story: Story, change: dict[str, Any]) -> None:
    good = await front(story)
    before = (await story.deployment())["metadata"]["generation"]
    patch = json.dumps({"spec": change})
    await story.kubectl("-n", story.namespace, "patch", "service", "front", "-p", patch)

    ready = await story.said("diagnosis.ready")
    assert ready["failure_class"] == "service_misrouted", ready["summary"]
    closed = await story.said("incident.closed")
    assert closed["closure"] == "resolved", closed["summary"]
    decision = await story.said("decision.made")
    assert decision["request"]["action"] == "roll_back_service"
    assert (await read(story, "service", "front"))["spec"] == good
    assert (await story.deployment())["metadata"]["generation"] == before


async def test_a_config_map_by_which_successors_crash(story: Story) -> None:
    """The pods that ran never read the change; those that took their place do."""
    yard = Yard(story)
    settings: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap"}
    settings |= {"metadata": {"name": "settings"}, "data": {"mode": "fast"}}
    await yard.make(settings, workload("Deployment", "cart", **reads("settings", "mode")))
    await yard.known("Deployment/cart")

    async def known() -> bool:
        catalog = await read(story, "knowngood", "catalog")
        return "settings" in catalog["spec"].get("configMaps", {})

    await until(known, 30)
    await yard.make(settings | {"data": {"mode": CRASH}})
    await yard.delete_pods("cart")
    [closed] = await yard.heard("incident.closed", 1, 90)
    assert (closed["failure_class"], closed["closure"]) == ("crash_loop", "resolved"), yard.told()
    [started] = yard.of(closed["incident_id"], "action.started")
    assert started["action"] == "roll_back_config_map"
    ready = yard.of(closed["incident_id"], "diagnosis.ready")[-1]
    assert ready["confidence"] > 0.9
    assert [each for each in story.heard if each["subject"] == "review.requested"] == []
    assert (await read(story, "configmap", "settings"))["data"] == {"mode": "fast"}


async def test_a_release_whose_volume_claim_is_not_there(story: Story) -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "gone"}}
    patch = json.dumps({"spec": {"template": {"spec": {"volumes": [volume]}}}})
    await story.kubectl("-n", story.namespace, "patch", "deploy", WORKLOAD, "-p", patch)
    closed = await story.said("incident.closed", 90)
    assert (closed["failure_class"], closed["closure"]) == ("unschedulable", "resolved")
    started = await story.said("action.started")
    assert started["action"] == "roll_back_workload"
    live = await story.deployment()
    assert "volumes" not in live["spec"]["template"]["spec"]
    assert live["status"]["readyReplicas"] == 2
