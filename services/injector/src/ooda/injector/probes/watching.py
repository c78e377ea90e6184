"""Probes of what a watch tells: pods, replicas, and what fault-agent writes into the journal."""

from collections.abc import AsyncIterator, Sequence

from ooda.common.cluster.interface import Alive, Delta, NotFound, Object, Synced
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_probes import CpuProbe, PodsProbe, ReplicasProbe
from ooda.common.plans import ObjectRef
from ooda.injector.core.looks import (
    Look,
    look_at_cpu,
    look_at_node_steps,
    look_at_pods,
    look_at_replicas,
)
from ooda.injector.core.workloads import with_kind
from ooda.injector.journal import read_entry
from ooda.injector.ports import Cluster


async def collections(api: Cluster, kind: Kind, namespace: str) -> AsyncIterator[Sequence[Object]]:
    """Yield all objects of a kind, whole, after each change. Raises Refused."""
    held: dict[str, Object] = {}
    synced = False
    async for event in api.watch(kind, namespace):
        match event:
            case Delta(change="deleted", object=gone):
                held.pop(str(gone["metadata"]["name"]), None)
            case Delta(object=live):
                held[str(live["metadata"]["name"])] = live
            case Synced():
                synced = True
            case Alive():
                continue
        if synced:
            yield tuple(held.values())


class Pods:
    """See PodsProbe."""

    period = 0.0

    def __init__(self, api: Cluster, namespace: str, probe: PodsProbe) -> None:
        self._api, self._namespace, self._probe = api, namespace, probe

    async def look(self) -> Look:
        """See Probe."""
        return look_at_pods(self._probe, await self._api.list(Kind.POD, self._namespace))

    async def looks(self) -> AsyncIterator[Look]:
        """See Probe."""
        async for pods in collections(self._api, Kind.POD, self._namespace):
            yield look_at_pods(self._probe, pods)


class Cpu:
    """See CpuProbe."""

    period = 0.0

    def __init__(self, api: Cluster, namespace: str, probe: CpuProbe) -> None:
        self._api, self._namespace, self._probe = api, namespace, probe

    async def look(self) -> Look:
        """See Probe."""
        return look_at_cpu(self._probe, await self._api.list(Kind.POD, self._namespace))

    async def looks(self) -> AsyncIterator[Look]:
        """See Probe."""
        async for pods in collections(self._api, Kind.POD, self._namespace):
            yield look_at_cpu(self._probe, pods)


class Replicas:
    """See ReplicasProbe."""

    period = 0.0

    def __init__(self, api: Cluster, workload: ObjectRef, probe: ReplicasProbe) -> None:
        self._api, self._workload, self._probe = api, workload, probe
        self._kind = Kind(workload.kind)

    async def look(self) -> Look:
        """See Probe."""
        where = self._workload
        try:
            live = await self._api.get(self._kind, where.namespace, where.name)
        except NotFound:
            return look_at_replicas(self._probe, None)
        return look_at_replicas(self._probe, live)

    async def looks(self) -> AsyncIterator[Look]:
        """See Probe."""
        where = self._workload
        async for found in collections(self._api, self._kind, str(where.namespace)):
            named = {str(each["metadata"]["name"]): each for each in found}
            live = named.get(where.name)
            told = None if live is None else with_kind(self._kind, live)
            yield look_at_replicas(self._probe, told)


class NodeSteps:
    """See NodeProbe."""

    period = 0.0

    def __init__(self, api: Cluster, own: str, run_id: str) -> None:
        self._api, self._own, self._run_id = api, own, run_id

    async def look(self) -> Look:
        """See Probe."""
        live = await self._api.get(Kind.FAULT_RUN, self._own, self._run_id)
        return look_at_node_steps(read_entry(live).run)

    async def looks(self) -> AsyncIterator[Look]:
        """See Probe."""
        async for event in self._api.watch(Kind.FAULT_RUN, self._own):
            if isinstance(event, Delta) and event.object["metadata"]["name"] == self._run_id:
                yield look_at_node_steps(read_entry(event.object).run)
