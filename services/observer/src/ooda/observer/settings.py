"""What the operator may choose."""

from ooda.common.service import ServiceSettings


class ObserverSettings(ServiceSettings):
    """The observer's settings; ``OODA_NAMESPACES='["shop"]'`` and so on."""

    namespaces: tuple[str, ...] = ()
    """Which namespaces to watch; empty: all but the excluded ones."""
    excluded_namespaces: tuple[str, ...] = (
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "local-path-storage",
        "monitoring",
    )
    """Never watched; our own namespace never is either."""
    settle_seconds: float = 30.0
    """How long a workload has to be healthy until its contents are known good."""
    snapshot_seconds: float = 5.0
    """How often the state of each watched namespace is told."""
