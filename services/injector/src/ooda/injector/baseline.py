"""The baseline of a run: what its objects said before, and whether they say so again."""

from collections.abc import Mapping, Sequence

from ooda.common.cluster.interface import NotFound, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import DeletePodStep, FaultRun, NodeStep, Step
from ooda.injector.core.fingerprint import fingerprint, settled
from ooda.injector.ports import Cluster


async def take(api: Cluster, namespace: str, steps: Sequence[Step]) -> Mapping[str, str]:
    """Return the fingerprint of each object that steps change or create. Raises ClusterError."""
    return {
        f"{each.object.kind}/{each.object.name}": fingerprint(
            await _find(api, Kind(each.object.kind), namespace, each.object.name)
        )
        for each in steps
        if not isinstance(each, DeletePodStep | NodeStep)
    }


async def missing(api: Cluster, run: FaultRun) -> str | None:
    """Say what is not as it was before the run; None if all is. Raises ClusterError."""
    if not run.touched:
        return None
    for key, before in run.baseline.items():
        kind, _, name = key.partition("/")
        if fingerprint(await _find(api, Kind(kind), run.namespace, name)) != before:
            return f"{key} is not as it was."
    live = await _find(api, Kind.DEPLOYMENT, run.namespace, run.workload.name)
    if live is None or not settled(live):
        return f"{run.workload} has not all of its replicas ready."
    return None


async def _find(api: Cluster, kind: Kind, namespace: str, name: str) -> Object | None:
    try:
        return await api.get(kind, namespace, name)
    except NotFound:
        return None
