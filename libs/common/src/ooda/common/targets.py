"""What an event is about: a closed union, discriminated by ``kind``. Pure."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Target(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PodTarget(_Target):
    """One pod."""

    kind: Literal["pod"] = "pod"
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"pod {self.namespace}/{self.name}"


class WorkloadTarget(_Target):
    """The top controller of pods: a Deployment, StatefulSet, DaemonSet, Job or CronJob."""

    kind: Literal["workload"] = "workload"
    namespace: str
    workload_kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.workload_kind} {self.namespace}/{self.name}"


class ServiceTarget(_Target):
    """A Kubernetes Service."""

    kind: Literal["service"] = "service"
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"service {self.namespace}/{self.name}"


class NodeTarget(_Target):
    """A node."""

    kind: Literal["node"] = "node"
    name: str

    def __str__(self) -> str:
        return f"node {self.name}"


class EdgeTarget(_Target):
    """Calls from one client to one server, in that direction."""

    kind: Literal["edge"] = "edge"
    namespace: str
    client: str
    server: str

    def __str__(self) -> str:
        return f"edge {self.namespace}/{self.client}→{self.server}"


class NameTarget(_Target):
    """A DNS name, as the pods of a namespace look it up."""

    kind: Literal["name"] = "name"
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"name {self.name} in {self.namespace}"


class ServiceAccountTarget(_Target):
    """A service account."""

    kind: Literal["service_account"] = "service_account"
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"service account {self.namespace}/{self.name}"


class NamespaceTarget(_Target):
    """A namespace as a whole: a quota, a policy."""

    kind: Literal["namespace"] = "namespace"
    name: str

    def __str__(self) -> str:
        return f"namespace {self.name}"


Target = Annotated[
    PodTarget
    | WorkloadTarget
    | ServiceTarget
    | NodeTarget
    | EdgeTarget
    | NameTarget
    | ServiceAccountTarget
    | NamespaceTarget,
    Field(discriminator="kind"),
]


def namespace_of(target: Target) -> str | None:
    """Return the namespace that a target is in; a node is in none."""
    match target:
        case NodeTarget():
            return None
        case NamespaceTarget(name=name):
            return name
        case _:
            return target.namespace
