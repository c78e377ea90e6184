"""Build the snapshot of a namespace, within the bytes that it may have."""

import datetime as dt
from collections.abc import Iterator, Sequence

from ooda.common.cluster.kinds import Kind
from ooda.common.events import (
    SNAPSHOT_LIMIT,
    ContainerState,
    GraphEdge,
    OpenAnomaly,
    PodRow,
    TelemetrySnapshot,
    WorkloadRow,
    derive_id,
)
from ooda.common.targets import NodeTarget, ServiceTarget, WorkloadTarget
from ooda.observer.core import graph
from ooda.observer.core.minimum import minimum
from ooda.observer.core.nodes import lost
from ooda.observer.core.planned import rolling
from ooda.observer.core.sight import freshness
from ooda.observer.core.silence import of_nodes
from ooda.observer.core.state import Namespace, State, Track
from ooda.observer.core.views import Container, Key, Pod, Workload

EDGES_LIMIT = 600
NODES_LIMIT = 100
FLOORS = 16, 64, 64
"""Pods, edges and workloads that are kept while there is anything else to leave out."""
PODS_LIMIT = 300


def build(state: State, name: str, now: dt.datetime) -> TelemetrySnapshot:
    """Return one namespace's state; pods, edges, then workloads are left out until it fits."""
    namespace = state.namespaces[name]
    keys = _ranked(namespace, now)
    pods = {key: graph.pods_of(namespace, key) for key in keys}
    told = sorted(_told(namespace), key=lambda pod: (pod.counts, pod.meta.name))
    whole = TelemetrySnapshot(
        event_id=derive_id(
            TelemetrySnapshot.subject, state.rules.cluster_id, name, now.isoformat()
        ),
        summary=_summary(name, keys, told, namespace),
        occurred_at=now,
        cluster_id=state.rules.cluster_id,
        namespace=name,
        freshness=freshness(state, now),
        workloads=tuple(_workload(namespace, key, pods[key], now) for key in keys),
        pods=tuple(_pod(each) for each in told[:PODS_LIMIT]),
        pods_left_out=max(len(told) - PODS_LIMIT, 0),
        graph=tuple(_edges(namespace, keys, pods))[:EDGES_LIMIT],
        nodes_lost=_nodes_lost(state, namespace, now),
        anomalies=(
            *(
                OpenAnomaly(
                    anomaly_id=each.event.anomaly_id,
                    signal=each.event.signal,
                    target=each.event.target,
                    since=each.event.since,
                )
                for each in namespace.open.values()
            ),
            *of_nodes(state),
        ),
    )
    return fit(whole)


def _nodes_lost(state: State, namespace: Namespace, now: dt.datetime) -> tuple[str, ...]:
    used = {pod.node for pod in namespace.pods.values() if pod.node}
    return tuple(sorted(each for each in used if lost(state, each, now)))[:NODES_LIMIT]


def fit(snapshot: TelemetrySnapshot) -> TelemetrySnapshot:
    """Halve the pods, the edges, the workloads until it fits: each to a floor first, then all."""
    for pods, edges, workloads in (FLOORS, (0, 0, 0)):
        while len(snapshot.pods) > pods and _too_large(snapshot):
            kept = snapshot.pods[: len(snapshot.pods) // 2]
            out = snapshot.pods_left_out + len(snapshot.pods) - len(kept)
            snapshot = snapshot.model_copy(update={"pods": kept, "pods_left_out": out})
        while len(snapshot.graph) > edges and _too_large(snapshot):
            halved = snapshot.graph[: len(snapshot.graph) // 2]
            snapshot = snapshot.model_copy(update={"graph": halved})
        while len(snapshot.workloads) > workloads and _too_large(snapshot):
            rows = snapshot.workloads[: len(snapshot.workloads) // 2]
            out = snapshot.workloads_left_out + len(snapshot.workloads) - len(rows)
            snapshot = snapshot.model_copy(update={"workloads": rows, "workloads_left_out": out})
    return snapshot


def _too_large(snapshot: TelemetrySnapshot) -> bool:
    return len(snapshot.model_dump_json().encode()) > SNAPSHOT_LIMIT


def _ranked(namespace: Namespace, now: dt.datetime) -> list[Key]:
    """Return the top workloads, what is looked for first: what is left out is at the end."""
    troubled = {each.top for each in namespace.open.values()}

    def rank(key: Key) -> tuple[bool, bool, float, Key]:
        workload, track = namespace.workloads[key], namespace.tracks.get(key, Track())
        calm = workload.ready >= workload.desired and not rolling(track, workload, now)
        healthy = track.healthy_since
        return key not in troubled, calm, -healthy.timestamp() if healthy else 0.0, key

    return sorted((key for key in graph.tops(namespace) if key in namespace.workloads), key=rank)


def _summary(name: str, keys: Sequence[Key], told: Sequence[Pod], namespace: Namespace) -> str:
    unhealthy = sum(1 for pod in told if not pod.counts)
    return (
        f"{name}: {len(keys)} workloads, {len(namespace.pods)} pods, {unhealthy} of them unhealthy,"
        f" {len(namespace.open)} open anomalies"
    )


def _told(namespace: Namespace) -> Iterator[Pod]:
    """Yield the pods that are unhealthy, or changed since the last snapshot."""
    for name, pod in namespace.pods.items():
        if name in namespace.changed_pods or not (pod.counts or pod.over):
            yield pod


def _workload(namespace: Namespace, key: Key, pods: Sequence[Pod], now: dt.datetime) -> WorkloadRow:
    workload: Workload = namespace.workloads[key]
    track = namespace.tracks.get(key, Track())
    return WorkloadRow(
        target=graph.target_of(namespace.name, key),
        uid=workload.meta.uid,
        generation=workload.generation,
        observed_generation=workload.observed,
        desired=workload.desired,
        current=workload.current,
        updated=workload.updated,
        ready=workload.ready,
        available=workload.available,
        restarts=sum(each.restarts for pod in pods for each in pod.containers),
        minimum=minimum(namespace, key, workload),
        rolling_out=rolling(track, workload, now) or workload.observed < workload.generation,
        healthy_since=track.healthy_since,
    )


def _pod(pod: Pod) -> PodRow:
    return PodRow(
        name=pod.meta.name,
        uid=pod.meta.uid,
        phase=pod.phase,
        node=pod.node,
        ready=pod.ready,
        terminating=pod.meta.deleted_at is not None,
        containers=tuple(_container(each) for each in pod.containers),
    )


def _container(container: Container) -> ContainerState:
    return ContainerState(
        name=container.name,
        image=container.image,
        ready=container.ready,
        restarts=container.restarts,
        waiting=container.waiting,
        exit_code=container.exit_code,
        last_reason=container.reason,
    )


def _edges(
    namespace: Namespace, keys: Sequence[Key], pods: dict[Key, list[Pod]]
) -> Iterator[GraphEdge]:
    """Yield what selects each workload, whom it calls, which Jobs it owns, and its nodes."""
    serving = graph.served_by(namespace)
    for key in keys:
        me = graph.target_of(namespace.name, key)
        for service in graph.services_of(namespace, key, serving):
            source = ServiceTarget(namespace=namespace.name, name=service)
            yield GraphEdge(relation="selects", source=source, sink=me)
    for key in keys:
        me = graph.target_of(namespace.name, key)
        for service in graph.services_called(namespace, key, serving):
            sink = ServiceTarget(namespace=namespace.name, name=service)
            yield GraphEdge(relation="calls", source=me, sink=sink)
    for key in keys:
        me = graph.target_of(namespace.name, key)
        for child in graph.controllers_of(namespace, key):
            if child.meta.kind == Kind.JOB:
                job = WorkloadTarget(
                    namespace=namespace.name, workload_kind="Job", name=child.meta.name
                )
                yield GraphEdge(relation="owns", source=me, sink=job)
        for node in sorted({pod.node for pod in pods[key] if pod.node}):
            yield GraphEdge(relation="placed_on", source=me, sink=NodeTarget(name=node))
