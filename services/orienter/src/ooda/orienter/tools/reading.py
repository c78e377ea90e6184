"""What several tools read of the cluster. Only reads; errors are those of the reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ooda.common.cluster.interface import ClusterError, ClusterReader, NotFound
from ooda.common.cluster.kinds import Kind
from ooda.common.known_good import CATALOG, KnownGoodSpec
from ooda.orienter.core.objects import Object, Pod, items, mapping, metadata, text
from ooda.orienter.core.rules_jobs import newest

JOBS = (str(Kind.JOB), str(Kind.CRON_JOB))
WORKLOADS = {str(kind): kind for kind in (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)}


def labels_of_selector(workload: Object) -> dict[str, str]:
    """Return the labels by which a workload selects its pods."""
    selector = mapping(mapping(mapping(workload.get("spec")).get("selector")).get("matchLabels"))
    return {str(key): text(value) for key, value in selector.items()}


def having(objects: Sequence[Object], labels: Mapping[str, str]) -> list[Object]:
    """Return the objects that have all of these labels; none if there are no labels."""
    if not labels:
        return []
    return [
        each
        for each in objects
        if labels.items() <= dict(mapping(metadata(each).get("labels"))).items()
    ]


def _controllers(obj: Object) -> list[tuple[str, str]]:
    references = items(metadata(obj).get("ownerReferences"))
    return [(text(e.get("kind")), text(e.get("name"))) for e in references if e.get("controller")]


@dataclass(frozen=True, slots=True)
class Reading:
    """Small compositions over the reader."""

    reader: ClusterReader

    async def workload_named(self, name: str, namespace: str) -> tuple[str, Object] | None:
        """Return the workload of this name with its kind, if there is one."""
        for kind in WORKLOADS.values():
            try:
                return str(kind), await self.reader.get(kind, namespace, name)
            except NotFound:
                continue
        return None

    async def pods_behind(self, service: str, namespace: str) -> list[Object] | None:
        """Return the pods that a Service selects, else a workload of that name; None if neither."""
        try:
            found = await self.reader.get(Kind.SERVICE, namespace, service)
            return await self.pods_selected(mapping(found.get("spec")), namespace)
        except NotFound:
            named = await self.workload_named(service, namespace)
            if named is None:
                return await self._pods_that_end(service, namespace)
            labels = labels_of_selector(named[1])
        if not labels:
            return None
        return list(await self.reader.list(Kind.POD, namespace, labels=labels))

    async def job_named(self, kind: str, name: str, namespace: str) -> Object | None:
        """Return a Job, or the Job of a CronJob that ended last; None if there is none."""
        if kind == Kind.JOB:
            try:
                return await self.reader.get(Kind.JOB, namespace, name)
            except NotFound:
                return None
        made = await self.reader.list(Kind.JOB, namespace)
        return newest([each for each in made if (kind, name) in _controllers(each)])

    async def pods_of_job(self, job: Object, namespace: str) -> list[Object]:
        """Return the pods that a Job has made and that are still there."""
        labels = labels_of_selector(job)
        if not labels:
            return []
        return list(await self.reader.list(Kind.POD, namespace, labels=labels))

    async def pod_named(self, name: str, namespace: str) -> Object | None:
        """Return a pod; None if there is none of this name."""
        found = await self.reader.list(Kind.POD, namespace, fields={"metadata.name": name})
        return next(iter(found), None)

    async def _pods_that_end(self, name: str, namespace: str) -> list[Object] | None:
        """Return the pods of a Job or CronJob of this name, or the pod; None if there is none."""
        for kind in JOBS:
            job = await self.job_named(kind, name, namespace)
            if job is not None:
                return await self.pods_of_job(job, namespace)
        alone = await self.pod_named(name, namespace)
        return [alone] if alone is not None else None

    async def pods_selected(self, spec: Object, namespace: str) -> list[Object] | None:
        """Return the pods that a Service of this spec selects; None if it has no selector."""
        selector = mapping(spec.get("selector"))
        labels = {str(key): text(value) for key, value in selector.items()}
        if not labels:
            return None
        return list(await self.reader.list(Kind.POD, namespace, labels=labels))

    async def replica_sets(self, workload: Object, namespace: str) -> list[Object]:
        """Return the ReplicaSets that a Deployment owns."""
        uid = metadata(workload).get("uid")
        found = await self.reader.list(
            Kind.REPLICA_SET, namespace, labels=labels_of_selector(workload)
        )
        return [
            each
            for each in found
            if any(
                owner.get("uid") == uid for owner in items(metadata(each).get("ownerReferences"))
            )
        ]

    async def known_good(self, namespace: str) -> KnownGoodSpec | None:
        """Return what is known to be good in a namespace; None if nothing is recorded."""
        try:
            found = await self.reader.get(Kind.KNOWN_GOOD, namespace, CATALOG)
        except NotFound:
            return None
        return KnownGoodSpec.model_validate(mapping(found.get("spec")))

    async def config_maps(self, names: frozenset[str], namespace: str) -> dict[str, Object]:
        """Return those of the ConfigMaps that are there."""
        found: dict[str, Object] = {}
        for name in sorted(names):
            try:
                found[name] = await self.reader.get(Kind.CONFIG_MAP, namespace, name)
            except NotFound:
                continue
        return found

    async def logs(
        self, pods: Sequence[Pod], namespace: str, tail_lines: int, *, timestamps: bool = False
    ) -> tuple[list[str], list[str]]:
        """Read previous and current logs of what has run; return texts, and what went wrong."""
        texts: list[str] = []
        errors: list[str] = []
        for pod in pods:
            for container, previous in pod.logs:
                try:
                    texts.append(
                        await self.reader.logs(
                            namespace,
                            pod.name,
                            container,
                            previous=previous,
                            tail_lines=tail_lines,
                            timestamps=timestamps,
                        )
                    )
                except ClusterError as error:
                    errors.append(str(error))
        return texts, errors
