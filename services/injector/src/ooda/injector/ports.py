"""The cluster as the injector needs it: all three protocols at once."""

from typing import Protocol

from ooda.common.cluster.interface import ClusterReader, ClusterWatcher, ClusterWriter


class Cluster(ClusterReader, ClusterWriter, ClusterWatcher, Protocol):
    """Reads, writes and watches."""
