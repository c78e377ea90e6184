"""The dependency graph as diagnosis asks it: who owns, selects, calls, is placed on whom. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ooda.common.events import GraphEdge
from ooda.common.targets import PodTarget, ServiceTarget, Target

_OWNERS_DEEP = 4
"""Pod, ReplicaSet, Deployment, and whatever owns that."""


@dataclass(frozen=True)
class Graph:
    """Relations between targets; what it does not know it answers with the target itself."""

    edges: tuple[GraphEdge, ...] = ()

    @cached_property
    def _owner(self) -> dict[Target, Target]:
        return {edge.sink: edge.source for edge in self.edges if edge.relation == "owns"}

    @cached_property
    def _nodes(self) -> dict[Target, set[Target]]:
        nodes: dict[Target, set[Target]] = {}
        for edge in self.edges:
            if edge.relation == "placed_on":
                nodes.setdefault(edge.source, set()).add(edge.sink)
        return nodes

    @cached_property
    def _selected(self) -> dict[Target, set[Target]]:
        selected: dict[Target, set[Target]] = {}
        for edge in self.edges:
            if edge.relation == "selects":
                selected.setdefault(edge.source, set()).add(self._top(edge.sink))
        return selected

    def _top(self, target: Target) -> Target:
        for _ in range(_OWNERS_DEEP):
            if target not in self._owner:
                break
            target = self._owner[target]
        return target

    def component(self, target: Target) -> Target:
        """Return what is blamed for what a target shows: a pod's owner, else the target itself."""
        return self._top(target) if isinstance(target, PodTarget) else target

    def server(self, target: Target) -> Target:
        """Return who answers what is asked of a target: a Service's only workload."""
        if not isinstance(target, ServiceTarget):
            return self.component(target)
        behind = self._selected.get(target, set())
        return next(iter(behind)) if len(behind) == 1 else target

    def services_of(self, component: Target) -> tuple[ServiceTarget, ...]:
        """Return the Services in front of a component, by name."""
        found = {
            service
            for service, behind in self._selected.items()
            if component in behind and isinstance(service, ServiceTarget)
        }
        return tuple(sorted(found, key=str))

    def nodes_of(self, target: Target) -> frozenset[Target]:
        """Return the nodes that a pod, or the pods of a workload, are placed on."""
        return frozenset(self._nodes.get(target, ()))

    @cached_property
    def _callees(self) -> dict[Target, set[Target]]:
        callees: dict[Target, set[Target]] = {}
        for edge in self.edges:
            if edge.relation == "calls":
                # A Service can fail its callers by itself, whoever is behind it.
                client, server = self.server(edge.source), self.server(edge.sink)
                callees.setdefault(client, set()).update({server, edge.sink} - {client})
        return callees

    def calls(self, client: Target, server: Target) -> bool:
        """Return whether one component calls the other directly."""
        return server in self._callees.get(client, ())

    def depends_on(self, client: Target, server: Target) -> bool:
        """Return whether calls lead from one component to the other, over any number of edges."""
        seen: set[Target] = set()
        ahead = [client]
        while ahead:
            callees = self._callees.get(ahead.pop(), set()) - seen
            if server in callees:
                return True
            seen |= callees
            ahead.extend(callees)
        return False

    def with_calls(self, pairs: Iterable[tuple[Target, Target]]) -> "Graph":
        """Return a graph that also has these calls, as a log may name them."""
        added = tuple(
            GraphEdge(relation="calls", source=client, sink=server) for client, server in pairs
        )
        return Graph(self.edges + added) if added else self
