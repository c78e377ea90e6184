"""The newest snapshot of each namespace: graph, minimum, and whether the observer sees."""

import asyncio
import datetime as dt

from ooda.common.clock import Clock
from ooda.common.events import TelemetrySnapshot
from ooda.common.targets import Target, WorkloadTarget
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.sight import blind_reason

FORGET_AFTER = dt.timedelta(seconds=150)
"""A namespace that was silent for thirty periods of the snapshots is taken for deleted."""


class Sight:
    """What the observer said last, kept in memory only: the next snapshot is seconds away."""

    def __init__(self) -> None:
        self._snapshots: dict[str, TelemetrySnapshot] = {}
        self._graph = Graph()
        self._came = asyncio.Event()

    def keep(self, snapshot: TelemetrySnapshot) -> None:
        """Keep a snapshot unless a newer one is known; forget namespaces that are long silent."""
        if snapshot.namespace is None:
            return
        known = self._snapshots.get(snapshot.namespace)
        if known is not None and known.occurred_at > snapshot.occurred_at:
            return
        self._snapshots[snapshot.namespace] = snapshot
        oldest = snapshot.occurred_at - FORGET_AFTER
        self._snapshots = {
            name: each for name, each in self._snapshots.items() if each.occurred_at >= oldest
        }
        self._graph = Graph(tuple(edge for each in self._snapshots.values() for edge in each.graph))
        self._came.set()
        self._came = asyncio.Event()

    @property
    def graph(self) -> Graph:
        """Return the dependency graph of all namespaces."""
        return self._graph

    def minimum(self, target: Target) -> int:
        """Return the replicas below which a workload is short; one if that is not known."""
        for snapshot in self._snapshots.values():
            for row in snapshot.workloads:
                if row.target == target:
                    return row.minimum
        return 1

    def workloads(self, namespace: str) -> tuple[WorkloadTarget, ...]:
        """Return the workloads of a namespace."""
        snapshot = self._snapshots.get(namespace)
        rows = snapshot.workloads if snapshot else ()
        return tuple(row.target for row in rows if isinstance(row.target, WorkloadTarget))

    def blind(self, namespace: str | None, now: dt.datetime) -> str | None:
        """Return why nothing may be concluded on a namespace, None if the observer sees.

        What is in no namespace, such as a node, is judged by the newest of all snapshots.
        """
        if namespace is not None:
            return blind_reason(self._snapshots.get(namespace), now)
        newest = max(self._snapshots.values(), key=lambda each: each.occurred_at, default=None)
        return blind_reason(newest, now)

    async def wait(self, namespace: str | None, seconds: float, clock: Clock) -> None:
        """Wait until the observer sees a namespace, at most so long.

        After a start, the observer's or ours, the first good snapshot is seconds away, and a person
        need not be asked meanwhile.
        """
        try:
            async with asyncio.timeout(seconds):
                while self.blind(namespace, clock.now()) is not None:
                    await self._came.wait()
        except TimeoutError:
            return
