"""Nodes: which are lost, by their Leases, and which are meant to be left."""

import datetime as dt
from collections.abc import Mapping

from ooda.common.cluster.kinds import Kind
from ooda.observer.core.state import PODS_LIMIT, Beat, State
from ooda.observer.core.views import Renewal

SILENT_SECONDS = 20.0
"""Two renewals that did not come. A kubelet renews after each quarter of its Lease, that is every
10 s of 40 (``nodeLeaseDurationSeconds``); the node controller says NotReady only after its grace
period of 50 s (``--node-monitor-grace-period``, 40 s before Kubernetes 1.32).
"""

SLACK_SECONDS = 5.0
"""How long after its last word a watch counts as alive: with one other node, which is heard every
10 s, a lost one is known after 25 s at the latest. If the watch stalls just before a renewal, its
node is silent for 15 s at most, and is not lost."""
_SILENT, _SLACK = dt.timedelta(seconds=SILENT_SECONDS), dt.timedelta(seconds=SLACK_SECONDS)
RENEWAL_SECONDS = 10.0
"""How often a kubelet renews its Lease, with the default duration."""


def beaten(
    beats: Mapping[str, Beat], renewal: Renewal, now: dt.datetime, *, gone: bool
) -> Mapping[str, Beat]:
    """Return the signs of life with the news of one Lease.

    What counts is when the observer saw a new time, as in the node controller: the clock of a node
    may be wrong. The first one that is seen may be of a node that is long silent, so it counts from
    its own time.
    """
    name, version = renewal.meta.name, renewal.meta.version
    old = beats.get(name)
    if gone:
        return {each: beat for each, beat in beats.items() if each != name}
    if old is None:
        if len(beats) >= PODS_LIMIT:
            return beats
        return {**beats, name: Beat(version, renewal.at, min(renewal.at or now, now), now)}
    if old.renewed == renewal.at or (old.version or 0) > (version or old.version or 0):
        return beats
    return {**beats, name: Beat(version, renewal.at, now, old.met_at)}


def lost(state: State, name: str, now: dt.datetime) -> bool:
    """Return whether a node is silent while others are heard, or while the API server answers.

    Silence is counted up to the last sign of life of the watch, and little more: one that stalls
    makes no node lost.
    """
    beat, limit = state.beats.get(name), silent_before(state, now)
    return beat is not None and limit is not None and beat.heard_at < limit


def silent_before(state: State, now: dt.datetime) -> dt.datetime | None:
    """Return since when a node must have been heard not to be lost, None if that is not known."""
    seen = state.seen.get(Kind.LEASE)
    if seen is None or Kind.LEASE in state.blind:
        return None
    return min(now, seen + _SLACK) - _SILENT


def heard(state: State, now: dt.datetime) -> bool:
    """Return whether any node is heard at all."""
    return any(not lost(state, name, now) for name in state.beats if name in state.nodes)


def draining(state: State, name: str | None, now: dt.datetime) -> bool:
    """Return whether pods are meant to leave a node, or cannot stay: that is the node's affair."""
    if name is None:
        return False
    node = state.nodes.get(name)
    return node is None or node.unschedulable or not node.ready or lost(state, name, now)
