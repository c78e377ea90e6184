"""The signal of nodes: one that renews its Lease no more, long before its condition turns."""

import datetime as dt
from collections.abc import Iterator

from ooda.common.cluster.kinds import Kind
from ooda.common.events import SUMMARY_LIMIT, AnomalyFlagged, OpenAnomaly, derive_id
from ooda.common.phrases import shortened
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import Signal
from ooda.observer.core.deviations import VALUE_LIMIT, observed
from ooda.observer.core.history import seconds
from ooda.observer.core.inputs import Clear, Flag, Output
from ooda.observer.core.nodes import RENEWAL_SECONDS, heard, lost, silent_before
from ooda.observer.core.sources import PLANS
from ooda.observer.core.state import OPEN_LIMIT, State
from ooda.observer.core.wording import cleared, to_milliseconds

_NEEDED = PLANS | {Kind.LEASE}


def judge_nodes(state: State, now: dt.datetime) -> tuple[dict[str, AnomalyFlagged], list[Output]]:
    """Return which nodes are silent, and what is to be said. Blind, nothing changes.

    A node that was cordoned before it fell silent is meant to be worked on. If no node at all is
    heard, it is the API server or we who are cut off, and no node is flagged.
    """
    silent = dict(state.silent)
    if _NEEDED & state.blind:
        return silent, []
    outputs: list[Output] = []
    for name, event in state.silent.items():
        if name not in state.nodes or not lost(state, name, now):
            del silent[name]
            outputs.append(Clear(cleared(event, now)))
    limit = silent_before(state, now)
    late = [name for name, beat in state.beats.items() if limit and beat.heard_at < limit]
    fresh = [name for name in late if name not in silent and _unexpected(state, name, now)]
    if fresh and heard(state, now):
        for name in fresh[: max(OPEN_LIMIT - len(silent), 0)]:
            silent[name] = _flagged(state, name, now)
            outputs.append(Flag(silent[name]))
    return silent, outputs


def _unexpected(state: State, name: str, now: dt.datetime) -> bool:
    node, beat = state.nodes.get(name), state.beats[name]
    # The clock of the node may be wrong: the next renewal, which would say so, had time to come.
    waited = seconds(beat.met_at, now) >= RENEWAL_SECONDS
    return node is not None and not node.unschedulable and waited


def _flagged(state: State, name: str, now: dt.datetime) -> AnomalyFlagged:
    beat, target = state.beats[name], NodeTarget(name=name)
    since = to_milliseconds(min(beat.heard_at, now))
    pods = sorted(_pods_on(state, name))
    anomaly_id = derive_id(
        "anomaly", state.rules.cluster_id, str(target), Signal.NODE_SILENT, "", since.isoformat()
    )
    summary = (
        f"{name} (Node) has not renewed its Lease for {seconds(since, now):.0f} s, "
        f"{len(pods)} pods are on it"
    )
    return AnomalyFlagged(
        event_id=derive_id(AnomalyFlagged.subject, anomaly_id),
        summary=summary[:SUMMARY_LIMIT],
        occurred_at=now,
        cluster_id=state.rules.cluster_id,
        namespace=None,
        anomaly_id=anomaly_id,
        signal=Signal.NODE_SILENT,
        hard=True,
        target=target,
        since=since,
        node=name,
        observed=observed(
            renewed=beat.renewed and beat.renewed.isoformat(),
            count=len(pods),
            pods=shortened(", ".join(pods), VALUE_LIMIT),
        ),
    )


def _pods_on(state: State, node: str) -> Iterator[str]:
    for name, namespace in state.namespaces.items():
        for pod in namespace.pods.values():
            if pod.node == node and not pod.over:
                yield f"{name}/{pod.meta.name}"


def of_nodes(state: State) -> tuple[OpenAnomaly, ...]:
    """Return the anomalies of all nodes: any snapshot tells of them, as no namespace is theirs."""
    return tuple(
        OpenAnomaly(
            anomaly_id=event.anomaly_id,
            signal=event.signal,
            target=event.target,
            since=event.since,
        )
        for _, event in sorted(state.silent.items())
    )
