"""What the observer may trust: what is silent for three periods neither flags nor clears."""

import datetime as dt

from ooda.common.cluster.kinds import Kind
from ooda.common.events import Freshness
from ooda.common.taxonomy import Source
from ooda.observer.core.history import seconds
from ooda.observer.core.sources import PLANS, WATCHED
from ooda.observer.core.state import State

PERIOD = 30.0
"""Seconds within which a living watch says something (``ClusterWatcher.watch``)."""
PERIODS = 3


def blind_kinds(state: State, now: dt.datetime) -> frozenset[Kind]:
    """Return the kinds that were never told whole, or are silent for too long."""
    return frozenset(
        kind
        for kind in WATCHED
        if kind not in state.synced
        or kind not in state.seen
        or seconds(state.seen[kind], now) > PERIOD * PERIODS
    )


def freshness(state: State, now: dt.datetime) -> tuple[Freshness, ...]:
    """Return how old the oldest of what signals depend on is."""
    seen = [state.seen[kind] for kind in PLANS if kind in state.seen]
    oldest = min(seen) if len(seen) == len(PLANS) else None
    stale = bool(PLANS & blind_kinds(state, now))
    return (Freshness(source=Source.KUBERNETES, seen_at=oldest, stale=stale),)
