"""The kinds of object that the product knows, and where the API server has them. Pure."""

from enum import StrEnum
from typing import NamedTuple


class _Place(NamedTuple):
    group: str
    version: str
    plural: str
    namespaced: bool


class Kind(StrEnum):
    """A kind of object, as ``kind`` has it in a manifest."""

    POD = "Pod"
    EVENT = "Event"
    SERVICE = "Service"
    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - a kind
    NODE = "Node"
    NAMESPACE = "Namespace"
    DEPLOYMENT = "Deployment"
    REPLICA_SET = "ReplicaSet"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    CRON_JOB = "CronJob"
    ENDPOINT_SLICE = "EndpointSlice"
    NETWORK_POLICY = "NetworkPolicy"
    ROLE = "Role"
    ROLE_BINDING = "RoleBinding"
    CLUSTER_ROLE = "ClusterRole"
    CLUSTER_ROLE_BINDING = "ClusterRoleBinding"
    POD_DISRUPTION_BUDGET = "PodDisruptionBudget"
    HORIZONTAL_POD_AUTOSCALER = "HorizontalPodAutoscaler"
    RESOURCE_QUOTA = "ResourceQuota"
    LIMIT_RANGE = "LimitRange"
    LEASE = "Lease"
    KNOWN_GOOD = "KnownGood"
    FAULT_RUN = "FaultRun"

    @property
    def group(self) -> str:
        """Return the API group; the core group is empty."""
        return _PLACES[self].group

    @property
    def api_version(self) -> str:
        """Return what ``apiVersion`` has in a manifest."""
        place = _PLACES[self]
        return f"{place.group}/{place.version}" if place.group else place.version

    @property
    def plural(self) -> str:
        """Return the name of the collection, as RBAC has it too."""
        return _PLACES[self].plural

    @property
    def namespaced(self) -> bool:
        """Return whether its objects are in namespaces."""
        return _PLACES[self].namespaced

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the URL path of one object, or of a collection (of all namespaces if none)."""
        place = _PLACES[self]
        root = f"/apis/{place.group}/{place.version}" if place.group else f"/api/{place.version}"
        inside = f"/namespaces/{namespace}" if place.namespaced and namespace else ""
        return f"{root}{inside}/{place.plural}" + (f"/{name}" if name else "")


_PLACES = {
    Kind.POD: _Place("", "v1", "pods", namespaced=True),
    Kind.EVENT: _Place("events.k8s.io", "v1", "events", namespaced=True),
    Kind.SERVICE: _Place("", "v1", "services", namespaced=True),
    Kind.CONFIG_MAP: _Place("", "v1", "configmaps", namespaced=True),
    Kind.SECRET: _Place("", "v1", "secrets", namespaced=True),
    Kind.NODE: _Place("", "v1", "nodes", namespaced=False),
    Kind.NAMESPACE: _Place("", "v1", "namespaces", namespaced=False),
    Kind.DEPLOYMENT: _Place("apps", "v1", "deployments", namespaced=True),
    Kind.REPLICA_SET: _Place("apps", "v1", "replicasets", namespaced=True),
    Kind.STATEFUL_SET: _Place("apps", "v1", "statefulsets", namespaced=True),
    Kind.DAEMON_SET: _Place("apps", "v1", "daemonsets", namespaced=True),
    Kind.JOB: _Place("batch", "v1", "jobs", namespaced=True),
    Kind.CRON_JOB: _Place("batch", "v1", "cronjobs", namespaced=True),
    Kind.ENDPOINT_SLICE: _Place("discovery.k8s.io", "v1", "endpointslices", namespaced=True),
    Kind.NETWORK_POLICY: _Place("networking.k8s.io", "v1", "networkpolicies", namespaced=True),
    Kind.ROLE: _Place("rbac.authorization.k8s.io", "v1", "roles", namespaced=True),
    Kind.ROLE_BINDING: _Place("rbac.authorization.k8s.io", "v1", "rolebindings", namespaced=True),
    Kind.CLUSTER_ROLE: _Place("rbac.authorization.k8s.io", "v1", "clusterroles", namespaced=False),
    Kind.CLUSTER_ROLE_BINDING: _Place(
        "rbac.authorization.k8s.io", "v1", "clusterrolebindings", namespaced=False
    ),
    Kind.POD_DISRUPTION_BUDGET: _Place("policy", "v1", "poddisruptionbudgets", namespaced=True),
    Kind.HORIZONTAL_POD_AUTOSCALER: _Place(
        "autoscaling", "v2", "horizontalpodautoscalers", namespaced=True
    ),
    Kind.RESOURCE_QUOTA: _Place("", "v1", "resourcequotas", namespaced=True),
    Kind.LIMIT_RANGE: _Place("", "v1", "limitranges", namespaced=True),
    Kind.LEASE: _Place("coordination.k8s.io", "v1", "leases", namespaced=True),
    Kind.FAULT_RUN: _Place("ooda.dev", "v1alpha1", "faultruns", namespaced=True),
    Kind.KNOWN_GOOD: _Place("ooda.dev", "v1alpha1", "knowngoods", namespaced=True),
}
