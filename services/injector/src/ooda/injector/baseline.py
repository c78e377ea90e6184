"""The baseline of a run: what its objects said before, and whether they say so again.

And whether it works again: the probe that saw the fault bite has to see that all is well.
"""

from collections.abc import Mapping, Sequence

from ooda.common.cluster.interface import ClusterError, NotFound, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import DeletePodStep, FaultRun, NodeStep, RotateStep, Step
from ooda.injector.core.fingerprint import fingerprint
from ooda.injector.core.workloads import settled
from ooda.injector.ports import Cluster
from ooda.injector.probes.interface import Probe


async def take(api: Cluster, namespace: str, steps: Sequence[Step]) -> Mapping[str, str]:
    """Return the fingerprint of each object that steps change or create. Raises ClusterError.

    Of pods there is none: they may be replaced. Of a Secret there is none: a digest of a password
    is a hint. That they are well, the effect probe says.
    """
    return {
        f"{each.object.kind}/{each.object.name}": fingerprint(
            await _find(api, Kind(each.object.kind), namespace, each.object.name)
        )
        for each in steps
        if not isinstance(each, DeletePodStep | NodeStep | RotateStep)
        and each.object.kind != Kind.POD
    }


async def missing(api: Cluster, run: FaultRun, probe: Probe | None) -> str | None:
    """Say what is not as it was before the run; None if all is. Raises ClusterError."""
    if not run.touched:
        return None
    for key, before in run.baseline.items():
        kind, _, name = key.partition("/")
        if fingerprint(await _find(api, Kind(kind), run.namespace, name)) != before:
            return f"{key} is not as it was."
    live = await _find(api, Kind(run.workload.kind), run.namespace, run.workload.name)
    if live is None or not settled(live):
        return f"{run.workload} has not all of its replicas ready."
    return None if probe is None else await _not_well(probe)


async def _not_well(probe: Probe) -> str | None:
    try:
        look = await probe.look()
    except ClusterError as error:
        return f"Whether it is well cannot be seen: {error}."
    return None if look.well else f"It is not well yet: {look.said}."


async def _find(api: Cluster, kind: Kind, namespace: str, name: str) -> Object | None:
    try:
        return await api.get(kind, namespace, name)
    except NotFound:
        return None
