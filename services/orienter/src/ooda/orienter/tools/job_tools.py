"""The read-only tools that look at Jobs and at pods without controller. Each returns a finding."""

from dataclasses import dataclass

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterReader
from ooda.common.findings import Finding
from ooda.common.targets import PodTarget, WorkloadTarget
from ooda.common.taxonomy import EvidenceFamily
from ooda.orienter.core.findings import About, Seen, finding
from ooda.orienter.core.objects import pod_of
from ooda.orienter.core.rules_jobs import JobState
from ooda.orienter.core.rules_jobs import inspect_bare as read_bare
from ooda.orienter.core.rules_jobs import inspect_job as read_job
from ooda.orienter.core.weights import Weights
from ooda.orienter.tools.reading import Reading


@dataclass(frozen=True, slots=True)
class JobTools:
    """What the tools need."""

    reader: ClusterReader
    clock: Clock
    weights: Weights

    async def inspect_job(self, workload_kind: str, name: str, namespace: str) -> Finding:
        """Look at a Job, or the newest Job of a CronJob: how its pods ended, whether it gave up."""
        target = WorkloadTarget(namespace=namespace, workload_kind=workload_kind, name=name)
        about = About("inspect_job", EvidenceFamily.OBJECT_STATE, target, self.clock.now())
        reading = Reading(self.reader)
        job = await reading.job_named(workload_kind, name, namespace)
        if job is None:
            return finding(about, Seen(excerpt=f"{target} has no Job"), self.weights)
        pods = [pod_of(each) for each in await reading.pods_of_job(job, namespace)]
        return finding(about, read_job(JobState(job, pods, about.at)), self.weights)

    async def inspect_pod(self, pod_name: str, namespace: str) -> Finding:
        """Look at a pod that has no controller: why its containers wait, how they ended."""
        target = PodTarget(namespace=namespace, name=pod_name)
        about = About("inspect_pod", EvidenceFamily.OBJECT_STATE, target, self.clock.now())
        found = await Reading(self.reader).pod_named(pod_name, namespace)
        if found is None:
            return finding(about, Seen(excerpt=f"{target} does not exist"), self.weights)
        return finding(about, read_bare(pod_of(found), about.at), self.weights)
