"""Several workloads break at the same moment: one incident for each cause, and one action."""

from typing import Any

import pytest

from servers.story import GOOD, Story
from servers.waiting import until
from servers.yard import Yard, at_once, reads, workload

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(200)]


def classes(yard: Yard) -> dict[str, tuple[str, str | None]]:
    """Return by component the class of its diagnosis and the action that was decided."""
    found: dict[str, tuple[str, str | None]] = {}
    for closed in (each for each in yard.story.heard if each["subject"] == "incident.closed"):
        ready = yard.of(closed["incident_id"], "diagnosis.ready")[-1]
        decided = yard.of(closed["incident_id"], "decision.made")[-1]
        request = decided["request"] or {}
        found[ready["component"]["name"]] = (ready["failure_class"], request.get("action"))
    return found


async def test_four_causes_are_four_incidents_with_an_action_each(story: Story) -> None:
    yard = Yard(story)
    await yard.make(
        workload("StatefulSet", "ledger"),
        workload("DaemonSet", "agent"),
        workload("Deployment", "cart"),
    )
    await yard.known("StatefulSet/ledger", "DaemonSet/agent", "Deployment/cart")
    await at_once(
        story.break_it(),
        yard.container("statefulset", "ledger", command=["false"]),
        yard.patch("daemonset", "agent", {"template": {"spec": {"nodeSelector": {"paper": "no"}}}}),
        yard.patch("deployment", "cart", {"replicas": 0}),
    )
    closed = await yard.heard("incident.closed", 4, 90)
    assert {each["closure"] for each in closed} == {"resolved"}, yard.told()
    assert classes(yard) == {
        "web": ("image_pull_failure", "roll_back_workload"),
        "ledger": ("crash_loop", "roll_back_workload"),
        "agent": ("unschedulable", "roll_back_workload"),
        "cart": ("replica_shortfall", "scale_to_known_good"),
    }
    opened = {each["incident_id"] for each in await yard.heard("diagnosis.started", 4, 1)}
    assert len(opened) == len(await yard.heard("action.executed", 4, 1)) == 4, yard.told()
    agent = await yard.read("daemonset", "agent")
    assert agent["status"]["numberReady"] == 1
    assert (await yard.read("statefulset", "ledger"))["status"]["readyReplicas"] == 2
    assert (await yard.read("deployment", "cart"))["spec"]["replicas"] == 2


async def test_a_key_that_three_workloads_lack_is_one_incident(story: Story) -> None:
    yard = Yard(story)
    shared: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap"}
    shared |= {"metadata": {"name": "shared"}, "data": {"url": "http://db", "mode": "fast"}}
    kinds = {"cart": "Deployment", "ledger": "StatefulSet", "agent": "DaemonSet"}
    await yard.make(
        shared, *(workload(kind, name, **reads("shared", "url")) for name, kind in kinds.items())
    )
    await yard.known(*(f"{kind}/{name}" for name, kind in kinds.items()))

    async def remembered() -> bool:
        return "shared" in (await yard.read("knowngood", "catalog"))["spec"].get("configMaps", {})

    await until(remembered, 30)
    await yard.make(shared | {"data": {"mode": "fast"}})
    await yard.delete_pods(*kinds)

    def ends() -> list[str]:
        return [each["closure"] for each in story.heard if each["subject"] == "incident.closed"]

    # Those that were flagged first may have been two incidents before one cause was found.
    await until(lambda: "resolved" in ends(), 90)
    flagged = {each["target"]["name"] for each in await yard.heard("anomaly.flagged", 3, 30)}
    assert flagged == set(kinds), yard.told()
    [begun] = await yard.heard("action.started", 1, 1)
    assert begun["action"] == "roll_back_config_map"
    assert (await yard.read("configmap", "shared"))["data"] == shared["data"]

    def open_ones() -> int:
        cleared = [each for each in story.heard if each["subject"] == "anomaly.cleared"]
        return len([e for e in story.heard if e["subject"] == "anomaly.flagged"]) - len(cleared)

    await until(lambda: open_ones() == 0, 30)
    await story.quiet()
    assert set(ends()) <= {"resolved", "merged"}, yard.told()
    assert ends().count("resolved") == 1, yard.told()


async def test_a_quota_that_two_workloads_hit_is_one_incident(story: Story) -> None:
    yard = Yard(story)
    await yard.make(workload("Deployment", "cart"), workload("StatefulSet", "ledger"))
    await yard.known("Deployment/cart", "StatefulSet/ledger")
    quota: dict[str, Any] = {"apiVersion": "v1", "kind": "ResourceQuota"}
    quota |= {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "1"}}}
    await yard.make(quota)

    async def counted() -> bool:
        found = await yard.read("resourcequota", "small")
        return bool(found.get("status", {}).get("used"))

    await until(counted, 30)
    await yard.delete_pods("cart", "ledger")
    asked = await yard.heard("review.requested", 1, 60)
    assert "Quota small" in asked[-1]["reason"] + str(asked[-1].get("clue", "")), yard.told()

    def survivors() -> set[str]:
        ready = [e for e in story.heard if e["subject"] == "diagnosis.ready"]
        gone = {e["incident_id"] for e in story.heard if e["subject"] == "incident.closed"}
        full = {e["incident_id"] for e in ready if e["failure_class"] == "quota_exceeded"}
        return full - gone

    await until(lambda: len(survivors()) == 1 and len(yard.of(
        next(iter(survivors())), "diagnosis.ready")[-1]["anomalies"]) >= 2, 60)  # fmt: skip
    [survivor] = survivors()
    assert yard.of(survivor, "action.started") == []
    await yard.make(quota | {"spec": {"hard": {"pods": "20"}}})
    await until(lambda: bool(yard.of(survivor, "incident.closed")), 60)
    [end] = yard.of(survivor, "incident.closed")
    assert end["closure"] == "handed_over", yard.told()
    assert (await story.deployment())["spec"]["template"]["spec"]["containers"][0]["image"] == GOOD
