"""The read-only diagnostic tools that look at a node. Each returns one typed finding."""

from collections.abc import Sequence
from dataclasses import dataclass

from ooda.common.clock import Clock
from ooda.common.cluster.interface import ClusterReader, NotFound, Object
from ooda.common.cluster.kinds import Kind
from ooda.common.findings import Finding
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import EvidenceFamily
from ooda.orienter.core.findings import About, Seen, finding, unavailable
from ooda.orienter.core.objects import event_of
from ooda.orienter.core.rules_nodes import (
    node_query,
    read_node,
    read_node_events,
    read_pods_of_node,
    read_scrapes,
)
from ooda.orienter.core.weights import Weights
from ooda.orienter.prometheus import Metrics, PrometheusUnavailableError

NODE_LEASES = "kube-node-lease"
"""The namespace in which each kubelet renews the Lease of its node."""


@dataclass(frozen=True, slots=True)
class NodeTools:
    """What the tools need."""

    reader: ClusterReader
    metrics: Metrics
    clock: Clock
    weights: Weights

    async def inspect_node(self, node: str) -> Finding:
        """Look at a node: when it renewed its Lease, its condition, and which pods are on it."""
        about = self._about("inspect_node", EvidenceFamily.NODE, node)
        try:
            found = await self.reader.get(Kind.NODE, None, node)
        except NotFound:
            return finding(about, Seen(excerpt=f"node {node} does not exist"), self.weights)
        try:
            lease = await self.reader.get(Kind.LEASE, NODE_LEASES, node)
        except NotFound:
            lease = None
        seen = read_node(found, lease, await self._pods(node), about.at)
        return finding(about, seen, self.weights)

    async def inspect_pods_of_node(self, node: str) -> Finding:
        """Tell whether any pod of a node serves."""
        about = self._about("inspect_pods_of_node", EvidenceFamily.OBJECT_STATE, node)
        return finding(about, read_pods_of_node(await self._pods(node)), self.weights)

    async def describe_node_events(self, node: str) -> Finding:
        """Read the recent Events of a node."""
        about = self._about("describe_node_events", EvidenceFamily.EVENTS, node)
        named = {"regarding.kind": "Node", "regarding.name": node}
        events = await self.reader.list(Kind.EVENT, None, fields=named)
        seen = read_node_events([event_of(each) for each in events], about.at)
        return finding(about, seen, self.weights)

    async def query_node_scrapes(self, node: str) -> Finding:
        """Ask Prometheus whether the kubelet of a node answers it."""
        about = self._about("query_node_scrapes", EvidenceFamily.RESOURCE_METRICS, node)
        try:
            answer = await self.metrics.query(node_query(node))
        except PrometheusUnavailableError as error:
            return unavailable(about, str(error))
        return finding(about, read_scrapes([value for _, value in answer]), self.weights)

    async def _pods(self, node: str) -> Sequence[Object]:
        return await self.reader.list(Kind.POD, None, fields={"spec.nodeName": node})

    def _about(self, tool: str, family: EvidenceFamily, node: str) -> About:
        return About(tool, family, NodeTarget(name=node), self.clock.now())
