"""Whether an action has helped, by what was seen after the write. Blind is not success. Pure."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from ooda.actor.core.record import ActionRecord
from ooda.common.events import GraphEdge, OpenAnomaly, TelemetrySnapshot, WorkloadRow
from ooda.common.plans import Health
from ooda.common.targets import Target, WorkloadTarget
from ooda.common.taxonomy import Signal, Source

GAP = dt.timedelta(seconds=15)
"""Three periods of the snapshots: an older one, or a longer pause between two, proves nothing."""


@dataclass(frozen=True, slots=True)
class Good:
    """Everything that the verification asks for was seen, at this time."""

    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Bad:
    """Something was seen that must not be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Blind:
    """What was seen does not count."""

    reason: str


def judge(
    record: ActionRecord,
    snapshot: TelemetrySnapshot | None,
    still_open: frozenset[str],
    now: dt.datetime,
) -> Good | Bad | Blind:
    """Judge one snapshot; ``still_open`` are anomalies that events say are open."""
    if snapshot is None or record.written_at is None or snapshot.occurred_at <= record.written_at:
        return Blind("No snapshot is younger than the write.")
    if not is_fresh(snapshot, now):
        return Blind("What the observer knows of the cluster is stale.")
    if record.verification.symptom_gone:
        seen = {each.anomaly_id for each in snapshot.anomalies} | still_open
        remaining = sum(each in seen for each in record.anomalies)
        if remaining:
            return Bad(f"Of the anomalies {remaining} are still open.")
    if record.verification.workload_ready:
        unready = _unready(record, snapshot)
        if unready is not None:
            return unready
    new = next(_new_nearby(record, snapshot), None)
    if new is not None:
        return Bad(f"{new.signal} is new on {new.target} since the write.")
    return Good(snapshot.occurred_at)


def worse(
    record: ActionRecord, snapshot: TelemetrySnapshot | None, now: dt.datetime
) -> tuple[OpenAnomaly, ...] | None:
    """Return what broke near the target since the write, None if what was seen does not count.

    Replicas that are short are left out: a pod that is starting is short for a while, and the
    deadline is for that.
    """
    if snapshot is None or record.written_at is None or snapshot.occurred_at <= record.written_at:
        return None
    if not is_fresh(snapshot, now):
        return None
    new = _new_nearby(record, snapshot)
    return tuple(each for each in new if each.signal is not Signal.REPLICAS_SHORT)


def is_gone(
    record: ActionRecord, snapshot: TelemetrySnapshot | None, now: dt.datetime
) -> bool | None:
    """Tell whether the workload was deleted since the write, None if what was seen says nothing.

    One that no snapshot ever had a row of, or that may have been left out of this one, is not gone.
    """
    if snapshot is None or record.written_at is None or snapshot.occurred_at <= record.written_at:
        return None
    if not is_fresh(snapshot, now) or record.health_before is None:
        return None
    if row_of(record.target, snapshot) is not None:
        return False
    return True if snapshot.workloads_left_out == 0 else None


def is_fresh(snapshot: TelemetrySnapshot, now: dt.datetime) -> bool:
    """Tell whether a snapshot is young and the observer saw the cluster when it made it."""
    sees = any(
        each.source is Source.KUBERNETES and not each.stale and each.seen_at is not None
        for each in snapshot.freshness
    )
    return sees and now - snapshot.occurred_at <= GAP


def _unready(record: ActionRecord, snapshot: TelemetrySnapshot) -> Bad | Blind | None:
    row = row_of(record.target, snapshot)
    if row is None:
        return Blind(f"The snapshot does not tell of {record.target}.")
    if record.generation is not None and row.generation < record.generation:
        return Blind(f"The snapshot is of {record.target} before the write.")
    if row.observed_generation < row.generation:
        return Bad(f"The controller of {record.target} has not seen its spec yet.")
    # Old pods count as ready, too: none may be left, else the new ones are not proven.
    if not row.updated >= row.desired or row.current > row.updated:
        return Bad(f"Of {record.target} {row.updated} of {row.desired} replicas are updated.")
    if row.ready < row.desired:
        return Bad(f"Of {record.target} {row.ready} of {row.desired} replicas are ready.")
    return None


def row_of(target: Target, snapshot: TelemetrySnapshot) -> WorkloadRow | None:
    """Return the snapshot's row of a workload."""
    return next((each for each in snapshot.workloads if each.target == target), None)


def _new_nearby(record: ActionRecord, snapshot: TelemetrySnapshot) -> Iterator[OpenAnomaly]:
    if record.written_at is None:
        return
    # The cluster tells onsets in whole seconds: one in the second of the write counts as new.
    second = record.written_at.replace(microsecond=0)
    near = neighbourhood(record.target, snapshot.graph)
    for each in snapshot.anomalies:
        if each.since >= second and each.anomaly_id not in record.anomalies and each.target in near:
            yield each


def neighbourhood(target: Target, graph: tuple[GraphEdge, ...]) -> frozenset[Target]:
    """Return the target, what is one with it, and what that calls, uses, or is called by.

    Pods, workload and Services are one (``owns``, ``selects``). A shared node joins nothing:
    everything would be everybody's neighbour.
    """
    own = _closure(frozenset({target}), graph)
    across = {
        end
        for edge in graph
        if edge.relation in ("calls", "uses") and (edge.source in own or edge.sink in own)
        for end in (edge.source, edge.sink)
    }
    return _closure(own | across, graph)


def _closure(start: frozenset[Target], graph: tuple[GraphEdge, ...]) -> frozenset[Target]:
    joined = [edge for edge in graph if edge.relation in ("owns", "selects")]
    reached, frontier = set(start), set(start)
    while frontier:
        frontier = {
            end
            for edge in joined
            if edge.source in frontier or edge.sink in frontier
            for end in (edge.source, edge.sink)
        } - reached
        reached |= frontier
    return frozenset(reached)


def health(
    record: ActionRecord, snapshot: TelemetrySnapshot | None, now: dt.datetime
) -> Health | None:
    """Return how the target is, None if it is no workload or nothing was ever seen of it."""
    if snapshot is None or not isinstance(record.target, WorkloadTarget):
        return None
    row = row_of(record.target, snapshot)
    if row is None:
        return None
    near = neighbourhood(record.target, snapshot.graph)
    count = sum(
        each.anomaly_id in record.anomalies or each.target in near for each in snapshot.anomalies
    )
    return Health(
        desired=row.desired,
        ready=row.ready,
        open_anomalies=count,
        fresh=is_fresh(snapshot, now),
    )
