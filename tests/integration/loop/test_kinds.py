"""DaemonSets are healed as Deployments are; of Jobs and bare pods a person is told, at most."""

from typing import Any

import pytest

from servers.paper_kubelet import FAILS_ONCE
from servers.paper_memory import NEEDS
from servers.story import BROKEN, GOOD, Story
from servers.waiting import until
from servers.yard import Yard, job, workload

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(200)]


async def image_of(yard: Yard, name: str) -> str:
    found = await yard.read("daemonset", name)
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


@pytest.mark.parametrize("strategy", ["RollingUpdate", "OnDelete"])
async def test_a_release_of_a_daemon_set_is_rolled_back(story: Story, strategy: str) -> None:
    yard = Yard(story)
    made = workload("DaemonSet", "agent")
    if strategy == "OnDelete":
        made["spec"]["updateStrategy"] = {"type": "OnDelete"}
    await yard.make(made)
    await yard.known("DaemonSet/agent")
    await yard.container("daemonset", "agent", image=BROKEN)
    if strategy == "OnDelete":
        await yard.delete_pods("agent")
    [closed] = await yard.heard("incident.closed", 1, 60)
    assert closed["closure"] == "resolved", yard.told()
    [ready] = yard.of(closed["incident_id"], "diagnosis.ready")
    assert ready["failure_class"] == "image_pull_failure"
    assert await image_of(yard, "agent") == GOOD
    status = (await yard.read("daemonset", "agent"))["status"]
    assert (status["numberReady"], status["updatedNumberScheduled"]) == (1, 1)


async def test_a_daemon_set_that_crashes_since_a_release_is_rolled_back(story: Story) -> None:
    yard = Yard(story)
    await yard.make(workload("DaemonSet", "agent"))
    await yard.known("DaemonSet/agent")
    await yard.container("daemonset", "agent", command=["false"])
    [closed] = await yard.heard("incident.closed", 1, 60)
    assert (closed["failure_class"], closed["closure"]) == ("crash_loop", "resolved"), yard.told()
    [started] = yard.of(closed["incident_id"], "action.started")
    assert started["action"] == "roll_back_workload"
    found = await yard.read("daemonset", "agent")
    assert "command" not in found["spec"]["template"]["spec"]["containers"][0]
    assert found["status"]["numberReady"] == 1


async def test_memory_of_a_daemon_set_is_raised(story: Story) -> None:
    yard = Yard(story)
    await yard.make(workload("DaemonSet", "agent", resources={"limits": {"memory": "64Mi"}}))
    await yard.known("DaemonSet/agent")
    await yard.annotate_pods("agent", {NEEDS: "96Mi"})
    [closed] = await yard.heard("incident.closed", 1, 90)
    assert (closed["failure_class"], closed["closure"]) == ("oom_killed", "resolved"), yard.told()
    [started] = yard.of(closed["incident_id"], "action.started")
    assert started["action"] == "raise_memory_limit"
    [pod] = await yard.pods("agent")
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"memory": "96Mi"}


async def test_a_pod_of_a_daemon_set_that_was_killed_is_replaced_and_nothing_is_done(
    story: Story,
) -> None:
    yard = Yard(story)
    await yard.make(workload("DaemonSet", "agent"))
    await yard.known("DaemonSet/agent")
    await yard.delete_pods("agent")
    [closed] = await yard.heard("incident.closed", 1, 60)
    assert closed["failure_class"] == "pod_killed", yard.told()
    [decided] = yard.of(closed["incident_id"], "decision.made")
    assert decided["verdict"] == "stand_down", yard.told()
    assert [each for each in story.heard if each["subject"] == "action.started"] == []
    assert (await yard.read("daemonset", "agent"))["status"]["numberReady"] == 1


async def test_a_release_of_a_daemon_set_that_works_is_nothing(story: Story) -> None:
    yard = Yard(story)
    await yard.make(workload("DaemonSet", "agent"))
    await yard.known("DaemonSet/agent")
    await yard.container("daemonset", "agent", image="example/web:2")

    async def known() -> bool:
        catalog = await yard.read("knowngood", "catalog")
        templates = catalog["spec"]["workloads"]["DaemonSet/agent"]["templates"]
        return bool(templates[-1]["spec"]["containers"][0]["image"] == "example/web:2")

    await until(known, 40)
    assert [each for each in story.heard if each["subject"] == "anomaly.flagged"] == []


async def test_jobs_that_go_their_way_are_nothing(story: Story) -> None:
    yard = Yard(story)
    nightly: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "CronJob"}
    nightly |= {"metadata": {"name": "nightly"}}
    nightly["spec"] = {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job("x", "true")["spec"]}}
    await yard.make(nightly)
    uid = (await yard.read("cronjob", "nightly"))["metadata"]["uid"]
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": uid}
    owned = job("nightly-1", "true")
    owned["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    await yard.make(
        job("complete", "true"),
        job("retried", "true", backoffLimit=2, annotations={FAILS_ONCE: "yes"}),
        job("parallel", "true", parallelism=3, completions=3),
        job("suspended", "true", suspend=True),
        owned,
    )

    async def over() -> bool:
        names = ("complete", "retried", "parallel", "nightly-1")
        jobs = [await yard.read("job", each) for each in names]
        return all(each.get("status", {}).get("completionTime") for each in jobs)

    await until(over, 60)
    assert (await yard.read("job", "retried"))["status"]["failed"] == 1
    await story.quiet()
    assert [each for each in story.heard if each["subject"] == "anomaly.flagged"] == [], yard.told()


async def test_a_job_that_gave_up_is_told_and_left_alone(story: Story) -> None:
    yard = Yard(story)
    await yard.make(job("report", "false", backoffLimit=0))
    [asked] = await yard.heard("review.requested", 1, 60)
    assert asked["failure_class"] == "crash_loop", yard.told()
    assert (
        "For Job report: mend what made it fail, delete it and create it again" in asked["reason"]
    )
    assert asked["proposal"] is None
    assert [each for each in story.heard if each["subject"] == "action.started"] == []


async def test_a_job_whose_image_does_not_come_is_told_and_left_alone(story: Story) -> None:
    yard = Yard(story)
    wrong = job("report", "true")
    wrong["spec"]["template"]["spec"]["containers"][0]["image"] = BROKEN
    alone: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"}}
    alone["spec"] = {"containers": [{"name": "app", "image": BROKEN}]}
    await yard.make(wrong, alone)
    asked = await yard.heard("review.requested", 2, 60)
    assert {each["component"]["name"]: each["failure_class"] for each in asked} == {
        "report": "image_pull_failure",
        "alone": "image_pull_failure",
    }, yard.told()
    assert all(each["proposal"] is None for each in asked)
    assert [each for each in story.heard if each["subject"] == "action.started"] == []
