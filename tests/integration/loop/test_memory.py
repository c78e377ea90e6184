"""A container is killed for memory, though nothing changed: its limit is raised, as it lasts."""

import json

import pytest

from servers.paper_kubelet import LEAKS
from servers.paper_memory import NEEDS, RIGID
from servers.story import WORKLOAD, Story
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(150)]


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


async def pods(story: Story) -> dict[str, str]:
    """Return the UIDs of all pods, each with its memory limit."""
    found = json.loads(await story.kubectl("-n", story.namespace, "get", "pods", "-o", "json"))
    return {
        each["metadata"]["uid"]: each["spec"]["containers"][0]["resources"]["limits"]["memory"]
        for each in found["items"]
        if "deletionTimestamp" not in each["metadata"]
    }


async def starve(story: Story, *more: str) -> None:
    """Have a pod need half as much again as it may have, from now on."""
    names = await story.kubectl("-n", story.namespace, "get", "pods", "-o", "name")
    needs = f"{NEEDS}=96Mi"
    await story.kubectl("-n", story.namespace, "annotate", names.split()[0], needs, *more)


async def test_a_memory_limit_is_raised_in_place(story: Story) -> None:
    before = await pods(story)
    await starve(story)
    started = await story.said("action.started")
    assert (started["action"], started["undo"]) == ("raise_memory_limit", "inverse")
    assert [each["kind"] for each in started["steps"]] == ["resize", "resize"]
    closed = await story.said("incident.closed", 90)
    assert closed["closure"] == "resolved", closed["summary"]
    assert closed["failure_class"] == "oom_killed"
    assert closed["follow_up"].endswith(
        f"kubectl -n {story.namespace} set resources deployment/{WORKLOAD} -c app "
        "--limits=memory=96Mi"
    )
    assert await pods(story) == dict.fromkeys(before, "96Mi")
    assert (await story.deployment())["metadata"]["generation"] == 1


async def test_what_the_kubelet_cannot_do_in_place_is_done_by_the_template(story: Story) -> None:
    before = await pods(story)
    await starve(story, f"{RIGID}=yes")
    closed = await story.said("incident.closed", 100)
    assert closed["closure"] == "resolved", closed["summary"]
    started = [each for each in story.heard if each["subject"] == "action.started"]
    assert [each["steps"][0]["kind"] for each in started] == ["resize", "patch"]
    executed = [each for each in story.heard if each["subject"] == "action.executed"]
    assert [each["outcome"] for each in executed] == ["expired", "kept"]
    assert "Infeasible" in executed[0]["reason"]
    after = await pods(story)
    assert list(after.values()) == ["96Mi", "96Mi"]
    assert not before.keys() & after.keys()


async def test_what_was_raised_in_place_and_is_needed_again_is_raised_for_good(
    story: Story,
) -> None:
    await starve(story)
    await story.said("incident.closed", 90)
    story.heard.clear()
    await story.kubectl("-n", story.namespace, "rollout", "restart", f"deploy/{WORKLOAD}")
    rolled = "--for=jsonpath={.status.updatedReplicas}=2"
    await story.kubectl("-n", story.namespace, "wait", f"deploy/{WORKLOAD}", rolled)

    async def replaced() -> bool:
        return list((await pods(story)).values()) == ["64Mi", "64Mi"]

    await until(replaced, 30)
    await starve(story)
    started = await story.said("action.started")
    assert started["steps"][0]["kind"] == "patch"
    closed = await story.said("incident.closed", 90)
    assert closed["closure"] == "resolved", closed["summary"]
    (container,) = (await story.deployment())["spec"]["template"]["spec"]["containers"]
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
