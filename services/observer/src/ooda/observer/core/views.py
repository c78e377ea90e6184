"""What the observer keeps of each object: compact, frozen, parsed once."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Key = tuple[str, str]
"""Kind and name of an object in a namespace."""


OOM = "OOMKilled"
"""The reason with which the kubelet says that the kernel killed a container for memory."""

ANY = "", ""
"""What stands for any label."""


@dataclass(frozen=True, slots=True)
class Meta:
    """Which object a view is of, and which version of it."""

    kind: str
    namespace: str
    name: str
    uid: str
    version: int | None
    """``resourceVersion``; None if it is no number, which makes every delta count as newer."""
    created_at: dt.datetime | None
    deleted_at: dt.datetime | None
    """When somebody asked for the deletion, that is before the grace period."""
    owner: Key | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    """Only those that the observer reads."""

    @property
    def key(self) -> Key:
        """Return kind and name."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod, init containers too."""

    name: str
    image: str
    ready: bool
    restarts: int
    init: bool
    waiting: str | None
    message: str
    running_since: dt.datetime | None
    terminated: bool
    """Whether it is over now; the next three are of the last end, now or before a restart."""
    exit_code: int | None
    reason: str | None
    finished_at: dt.datetime | None
    ran_seconds: float
    start_budget: float
    """Seconds that its probes give it to become ready."""
    ready_budget: float | None = None
    """Seconds that are left of that once its start-up probe has passed; None if it has not."""
    started_at: dt.datetime | None = None
    """When its start-up probe was seen to have passed: no object tells when it did."""
    memory_limit: str = ""
    """In force, as its pod has it, which may be more than the template says; empty if none is."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod."""

    meta: Meta
    node: str | None
    phase: str
    reason: str | None
    ready: bool
    ready_since: dt.datetime | None
    prepared_at: dt.datetime | None
    """When it had its node and its network, as far as it has them yet."""
    unscheduled: str
    """Why the scheduler has no node for it, in its own words; empty if it has one."""
    unscheduled_since: dt.datetime | None
    disruption: str
    """Why the API server or a controller is about to delete it, empty if nobody says."""
    containers: tuple[Container, ...]
    config_maps: tuple[str, ...]
    environment: frozenset[str]
    """Those of the ConfigMaps that its containers read when they start, and never again."""
    ports: frozenset[str]
    """That its containers declare, by name and by number."""
    account: str = "default"
    """The service account that it runs as."""

    @property
    def revision(self) -> str:
        """Return the hash of the template that it was made from, empty if unknown."""
        labels = self.meta.labels
        return labels.get("pod-template-hash") or labels.get("controller-revision-hash") or ""

    @property
    def over(self) -> bool:
        """Return whether it will never run again."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def counts(self) -> bool:
        """Return whether it serves: ready and not on its way out."""
        return self.ready and self.meta.deleted_at is None and not self.over


@dataclass(frozen=True, slots=True)
class Workload:
    """A controller: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job or CronJob."""

    meta: Meta
    generation: int
    observed: int
    desired: int
    current: int
    updated: int
    ready: int
    available: int
    template: Mapping[str, Any]
    """``spec.template`` as the API server has it; empty for a ReplicaSet and a CronJob."""
    progress_deadline: float
    overdue: bool
    """A Deployment that says itself that it does not progress."""
    denied: str
    """Why the API server lets it make no more pods, in its words; empty if it may."""
    denied_since: dt.datetime | None
    finished: str
    """``Complete`` or ``Failed`` for a Job that is over, else empty."""
    finished_at: dt.datetime | None
    backoff_limit: int
    finished_reason: str = ""
    """Why a Job failed, in the word of its controller."""
    suspended: bool = False
    hosts: frozenset[str] = frozenset()
    """What its template names as hosts: among them Services that it calls."""

    @property
    def complete(self) -> bool:
        """Return whether it is fully rolled out, with one replica at least."""
        counts = {self.desired, self.current, self.updated, self.ready, self.available}
        return self.observed >= self.generation and counts == {self.desired} and self.desired >= 1


@dataclass(frozen=True, slots=True)
class Content:
    """A Service, ConfigMap, NetworkPolicy, Role or RoleBinding: what it says."""

    meta: Meta
    body: Mapping[str, Any]
    selector: Mapping[str, str] | None
    """Labels of the pods that it is about; empty selects all, None nobody."""
    changed_at: dt.datetime
    """When the observer first saw this content."""

    @property
    def indexed(self) -> tuple[str, str] | None:
        """Return a label that all it selects have; ``ANY`` for all pods, None for none."""
        return None if self.selector is None else min(self.selector.items(), default=ANY)


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget; a number, a percentage as text, or None."""

    meta: Meta
    selector: Mapping[str, str] | None
    min_available: int | str | None
    max_unavailable: int | str | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node."""

    meta: Meta
    unschedulable: bool
    ready: bool


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A Kubernetes Event about a pod: what the kubelet met, and when."""

    meta: Meta
    pod: str
    uid: str
    """Of the pod."""
    container: str
    """Empty if it is about the whole pod."""
    reason: str
    note: str
    first_at: dt.datetime | None
    last_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A Kubernetes Event by which a controller says that it may not make a pod."""

    meta: Meta
    controller: Key
    uid: str
    """Of the controller."""
    note: str
    first_at: dt.datetime | None
    last_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """An EndpointSlice: which pods a Service sends its traffic to."""

    meta: Meta
    service: str
    ready: frozenset[str]
    """Names of the pods that get traffic."""
    unready: frozenset[str]


@dataclass(frozen=True, slots=True)
class Renewal:
    """The Lease of a node: when its kubelet said last that it lives."""

    meta: Meta
    at: dt.datetime | None
    """By the clock of the node."""


View = Pod | Workload | Content | Budget | Node | Occurrence | Refusal | Endpoints | Renewal
