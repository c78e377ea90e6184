"""What the tools make of Jobs, CronJobs, bare pods and DaemonSets."""

import pytest

from factories.cluster_objects import Json, container_status, event, pod, stamp, template
from factories.diagnosis import anomaly, anomaly_flagged, workload
from factories.events import NAMESPACE
from factories.orienter import Cluster, Orienter
from ooda.common.events import DiagnosisReady
from ooda.common.targets import PodTarget, Target
from ooda.common.taxonomy import FailureClass, Signal

BACKOFF = "BackoffLimitExceeded"


def job(name: str, *, owner: str = "", reason: str = BACKOFF, at: float = -1) -> Json:
    condition = {"type": "Failed", "status": "True", "reason": reason}
    condition |= {"message": "it gave up", "lastTransitionTime": stamp(at)}
    owners = [{"kind": "CronJob", "name": owner, "uid": "uid-cron", "controller": True}]
    return {
        "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1,
                     "ownerReferences": owners if owner else []},
        "spec": {"selector": {"matchLabels": {"controller-uid": f"uid-{name}"}}},
        "status": {"failed": 3, "conditions": [condition] if reason else []},
    }  # fmt: skip


def run(name: str, of: str, *, reason: str = "Error", code: int = 1) -> Json:
    over = {"exitCode": code, "reason": reason, "finishedAt": stamp(-5)}
    status = container_status() | {"ready": False, "state": {"terminated": over}}
    made = pod(name, status, ready=False)
    made["metadata"]["labels"] = {"controller-uid": f"uid-{of}"}
    made["status"]["phase"] = "Failed"
    return made


async def told(orienter: Orienter, target: Target, signal: Signal, shown: str) -> DiagnosisReady:
    await orienter.hear(anomaly_flagged(anomaly(signal, target, pod=shown)))
    return await orienter.ready()


async def test_a_job_that_gave_up_is_a_crash_loop_with_its_log(
    orienter: Orienter, cluster: Cluster
) -> None:
    cluster.add(
        job("report"),
        run("report-a", "report"),
        pod("other-1"),
        event(BACKOFF, "it gave up", about="Job/report"),
    )
    cluster.set_logs(NAMESPACE, "report-a", "app", "panic: no such table")
    found = await told(orienter, workload("report", "Job"), Signal.CRASH_LOOP, "report-a")
    assert (found.failure_class, found.component) == (
        FailureClass.CRASH_LOOP,
        workload("report", "Job"),
    )
    assert found.change is None
    excerpts = {each.tool: each.excerpt for each in found.findings}
    assert excerpts["inspect_job"].startswith(
        "Job report: 0 active, 3 failed; BackoffLimitExceeded: it gave up\nreport-a"
    )
    assert "no such table" in excerpts["get_pod_logs"]


async def test_a_job_that_is_killed_for_memory_is_no_crash_loop(
    orienter: Orienter, cluster: Cluster
) -> None:
    killed = run("report-a", "report", reason="OOMKilled", code=137)
    cluster.add(job("report"), killed, event(BACKOFF, "it gave up", about="Job/report"))
    found = await told(orienter, workload("report", "Job"), Signal.CRASH_LOOP, "report-a")
    assert found.failure_class is FailureClass.OOM_KILLED


async def test_a_job_that_ran_for_too_long_is_not_known_by_that(
    orienter: Orienter, cluster: Cluster
) -> None:
    cluster.add(job("report", reason="DeadlineExceeded"))
    found = await told(orienter, workload("report", "Job"), Signal.CRASH_LOOP, "report-a")
    assert found.failure_class is FailureClass.UNKNOWN


async def test_of_a_cron_job_the_newest_job_that_ended_is_looked_at(
    orienter: Orienter, cluster: Cluster
) -> None:
    cluster.add(
        job("nightly-1", owner="nightly", at=-90),
        job("nightly-2", owner="nightly", at=-1),
        job("nightly-3", owner="nightly", reason=""),
        job("nightly-4", owner="weekly", at=-1),
        run("nightly-1-a", "nightly-1", reason="OOMKilled", code=137),
        run("nightly-2-a", "nightly-2"),
    )
    found = await told(orienter, workload("nightly", "CronJob"), Signal.CRASH_LOOP, "nightly-2-a")
    assert found.failure_class is FailureClass.CRASH_LOOP
    state = next(each for each in found.findings if each.tool == "inspect_job")
    assert state.excerpt.startswith("Job nightly-2:")


async def test_a_bare_pod_is_looked_at_by_its_name(orienter: Orienter, cluster: Cluster) -> None:
    alone = PodTarget(namespace=NAMESPACE, name="alone")
    cluster.add(
        pod("alone", container_status(waiting="ErrImagePull"), ready=False),
        event("Failed", 'Failed to pull image "x": not found', about="Pod/alone"),
    )
    found = await told(orienter, alone, Signal.IMAGE_PULL, "alone")
    assert (found.failure_class, found.component) == (FailureClass.IMAGE_PULL_FAILURE, alone)


def daemon_set(desired: int, placing: Json, strategy: str = "RollingUpdate") -> Json:
    made = template()
    managed = {"time": stamp(-20), "operation": "Update", "fieldsV1": {
        "f:spec": {"f:template": {}}}}  # fmt: skip
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": NAMESPACE, "uid": "uid-agent",
                     "generation": 2, "managedFields": [managed]},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "agent"}},
            "updateStrategy": {"type": strategy},
            "template": made | {"spec": made["spec"] | placing},
        },
        "status": {"observedGeneration": 2, "desiredNumberScheduled": desired,
                   "currentNumberScheduled": desired, "updatedNumberScheduled": 1,
                   "numberReady": desired},
    }  # fmt: skip


def known(cluster: Cluster) -> None:
    good = {"templates": [template()], "healthyAt": stamp(-600)}
    cluster.add(
        {
            "kind": "KnownGood",
            "metadata": {"name": "catalog", "namespace": NAMESPACE},
            "spec": {"workloads": {"DaemonSet/agent": good}},
        }
    )


async def test_a_daemon_set_that_is_to_run_nowhere_began_with_its_template(
    orienter: Orienter, cluster: Cluster
) -> None:
    known(cluster)
    cluster.add(daemon_set(0, {"nodeSelector": {"disk": "none"}}))
    agent = workload("agent", "DaemonSet")
    await orienter.hear(anomaly_flagged(anomaly(Signal.REPLICAS_SHORT, agent)))
    found = await orienter.ready()
    assert (found.failure_class, found.component) == (FailureClass.UNSCHEDULABLE, agent)
    assert found.change is not None
    assert found.change.fields == ("spec.template.spec.nodeSelector",)
    assert found.confidence > 0.9
    assert len(found.agreeing) >= 2


@pytest.mark.parametrize(
    ("strategy", "sure"),
    [("OnDelete", True), ("RollingUpdate", False)],
)
async def test_two_templates_are_no_rollout_where_only_people_replace_pods(
    orienter: Orienter, cluster: Cluster, strategy: str, *, sure: bool
) -> None:
    known(cluster)
    cluster.add(
        daemon_set(2, {}, strategy),
        pod("agent-a", app="agent", template_hash="old"),
        pod("agent-c", app="agent", template_hash="new"),
    )
    agent = workload("agent", "DaemonSet")
    found = await told(orienter, agent, Signal.POD_LOST, "agent-b")
    assert (found.confidence > 0.7) is sure
