"""The cluster as the injector needs it: all protocols at once."""

from typing import Protocol

from ooda.common.cluster.interface import (
    ClusterAccounts,
    ClusterReader,
    ClusterWatcher,
    ClusterWriter,
)


class Cluster(ClusterReader, ClusterWriter, ClusterWatcher, ClusterAccounts, Protocol):
    """Reads, writes and watches, and asks what accounts are allowed."""
