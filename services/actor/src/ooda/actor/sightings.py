"""What the observer said last: open anomalies and one snapshot per namespace, in memory."""

import datetime as dt
from collections import OrderedDict

from ooda.actor.core.guards import Symptom
from ooda.actor.core.record import ActionRecord
from ooda.actor.core.verification import is_fresh
from ooda.common.events import AnomalyCleared, AnomalyFlagged, TelemetrySnapshot

MOST_ANOMALIES = 10_000
"""Of each kind that are remembered; the oldest are forgotten first."""

FORGET_AFTER = dt.timedelta(seconds=150)
"""A namespace that was silent for thirty periods of the snapshots is taken for deleted."""


class Sightings:
    """Facts that may come twice and in any order; after a restart snapshots fill them again."""

    def __init__(self) -> None:
        self._snapshots: dict[str, TelemetrySnapshot] = {}
        self._open: OrderedDict[str, dt.datetime] = OrderedDict()
        self._cleared: OrderedDict[str, dt.datetime] = OrderedDict()

    def flagged(self, event: AnomalyFlagged) -> None:
        """Remember an anomaly, unless its clearing came first."""
        if event.anomaly_id not in self._cleared:
            _remember(self._open, event.anomaly_id, event.occurred_at)

    def cleared(self, event: AnomalyCleared) -> None:
        """Forget an anomaly, and that it may come again late."""
        self._open.pop(event.anomaly_id, None)
        _remember(self._cleared, event.anomaly_id, event.occurred_at)

    def seen(self, snapshot: TelemetrySnapshot) -> None:
        """Keep the newest snapshot of its namespace; forget those of namespaces long silent."""
        namespace = snapshot.namespace or ""
        known = self._snapshots.get(namespace)
        if known is None or known.occurred_at < snapshot.occurred_at:
            self._snapshots[namespace] = snapshot
        oldest = snapshot.occurred_at - FORGET_AFTER
        self._snapshots = {
            name: each for name, each in self._snapshots.items() if each.occurred_at >= oldest
        }

    def snapshot(self, namespace: str | None) -> TelemetrySnapshot | None:
        """Return the newest snapshot of a namespace; of what is in none, such as a node, of all."""
        if namespace is not None:
            return self._snapshots.get(namespace)
        return max(self._snapshots.values(), key=lambda each: each.occurred_at, default=None)

    def still_open(self, record: ActionRecord) -> frozenset[str]:
        """Return the anomalies of an action that events say are open."""
        return frozenset(each for each in record.anomalies if each in self._open)

    def symptom(self, record: ActionRecord, now: dt.datetime) -> Symptom:
        """Tell whether one of the anomalies of an action is open, by events and snapshot.

        Without a fresh snapshot nothing is known: an anomaly that was open once is still listed
        when the observer no longer sees the cluster.
        """
        snapshot = self.snapshot(record.namespace)
        if snapshot is None or not is_fresh(snapshot, now):
            return Symptom.UNKNOWN
        listed = {each.anomaly_id for each in snapshot.anomalies}
        left = [each for each in record.anomalies if each not in self._cleared]
        if any(each in self._open or each in listed for each in left):
            return Symptom.OPEN
        if not left or snapshot.occurred_at > record.decided_at:
            return Symptom.GONE
        return Symptom.UNKNOWN


def _remember(memory: OrderedDict[str, dt.datetime], key: str, at: dt.datetime) -> None:
    memory[key] = at
    memory.move_to_end(key)
    if len(memory) > MOST_ANOMALIES:
        memory.popitem(last=False)
