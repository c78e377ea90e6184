"""A container is killed for memory, though nothing changed: its limit is raised, once."""

import json

import pytest

from servers.paper_kubelet import LEAKS
from servers.story import WORKLOAD, Story
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(150)]


async def test_a_memory_limit_is_raised_and_its_capacity_to_be_reviewed(story: Story) -> None:
    names = await story.kubectl("-n", story.namespace, "get", "pods", "-o", "name")
    await story.kubectl("-n", story.namespace, "annotate", names.split()[0], f"{LEAKS}=app")
    flagged = await story.said("anomaly.flagged")
    assert flagged["signal"] == "oom_killed"
    diagnosis = await story.said("diagnosis.ready")
    assert (diagnosis["failure_class"], diagnosis["change"]) == ("oom_killed", None)
    started = await story.said("action.started")
    assert (started["action"], started["undo"]) == ("raise_memory_limit", "inverse")
    closed = await story.said("incident.closed", 90)
    assert closed["closure"] == "resolved", closed["summary"]
    assert closed["follow_up"].startswith("Review its capacity")
    live = await story.deployment()
    assert live["metadata"]["generation"] == 2
    assert live["status"]["readyReplicas"] == 2
    (container,) = live["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "96Mi"}


async def test_a_limit_that_was_lowered_is_rolled_back_and_not_raised(story: Story) -> None:
    lowered = "--limits=memory=8Mi"
    await story.kubectl("-n", story.namespace, "set", "resources", f"deploy/{WORKLOAD}", lowered)

    async def leaking() -> bool:
        """Have a pod of the new template killed, as soon as there is one."""
        found = await story.kubectl("-n", story.namespace, "get", "pods", "-o", "json")
        small = [
            each["metadata"]["name"]
            for each in json.loads(found)["items"]
            if each["spec"]["containers"][0]["resources"]["limits"] == {"memory": "8Mi"}
        ]
        for each in small[:1]:
            await story.kubectl("-n", story.namespace, "annotate", "pod", each, f"{LEAKS}=app")
        return bool(small)

    await until(leaking, 20)
    started = await story.said("action.started")
    assert started["action"] == "roll_back_workload"
    closed = await story.said("incident.closed", 90)
    assert closed["closure"] == "resolved", closed["summary"]
    assert closed["follow_up"] == ""
    (container,) = (await story.deployment())["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "64Mi"}
