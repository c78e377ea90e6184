"""What a mechanism plans with: the target and what is around it, as it was read. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import ChangeStep, DeletePodStep, NodeStep, Step
from ooda.common.node_means import Means
from ooda.common.plans import FieldChange, ObjectRef
from ooda.common.quantities import bytes_of
from ooda.injector.core.pointers import value_at
from ooda.injector.core.workloads import KINDS_SAID, TARGETS, kind_of, name_of, with_kind


class NotApplicableError(Exception):
    """The target has not what the mechanism breaks; the message says what."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A workload and objects of its namespace."""

    workload: Object
    objects: Mapping[Kind, Sequence[Object]]
    """All of the namespace, of the kinds that the mechanism reads."""

    @property
    def namespace(self) -> str:
        """Return the namespace's name."""
        return str(self.workload["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """Return the target's name."""
        return str(self.workload["metadata"]["name"])

    @property
    def kind(self) -> Kind:
        """Return the target's kind."""
        return kind_of(self.workload)

    @property
    def container(self) -> Mapping[str, Any]:
        """Return the target's first container, the one that does its work."""
        found: Mapping[str, Any] = self.workload["spec"]["template"]["spec"]["containers"][0]
        return found

    @property
    def memory_limit(self) -> int | None:
        """Return that of the target's first container, in bytes; None if it has none."""
        limits = (self.container.get("resources") or {}).get("limits") or {}
        return bytes_of(limits.get("memory"))

    def pods(self) -> Sequence[Object]:
        """Return the pods that the target selects, neither leaving nor over, by name."""
        return pods_of(self.workload, self.objects[Kind.POD])

    def selector(self) -> Mapping[str, str]:
        """Return the labels by which the target selects its pods. Raises NotApplicableError."""
        return selector_of(self.workload)

    def other(self, name: str) -> Object:
        """Return the other workload of a name. Raises NotApplicableError."""
        found = [
            with_kind(kind, each)
            for kind in TARGETS
            for each in self.objects[kind]
            if each["metadata"]["name"] == name
            and each["metadata"]["uid"] != self.workload["metadata"]["uid"]
        ]
        if len(found) > 1:
            names = ", ".join(map(name_of, found))
            raise NotApplicableError(f"its client {name} is more than one: {names}")
        if not found:
            raise NotApplicableError(f"its client {name} is no other {KINDS_SAID}")
        return found[0]


class Fault(Protocol):
    """One mechanism."""

    reads: frozenset[Kind]
    """What has to be in the scene."""

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """Return the steps, in order, with all old values. Raises NotApplicableError."""
        ...


def is_over(pod: Object) -> bool:
    """Say whether a pod has ended for good, as those of Jobs and evicted ones: none counts it."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def selector_of(workload: Object) -> Mapping[str, str]:
    """Return the labels by which a workload selects its pods. Raises NotApplicableError."""
    selector = workload["spec"]["selector"]
    labels: Mapping[str, str] = selector.get("matchLabels") or {}
    if not labels or selector.get("matchExpressions"):
        raise NotApplicableError("it does not select its pods by labels alone")
    return labels


def pods_of(workload: Object, pods: Sequence[Object]) -> Sequence[Object]:
    """Return those that a workload selects and that are not leaving, by name.

    Raises NotApplicableError.
    """
    labels = selector_of(workload)
    found = [
        each
        for each in pods
        if labels.items() <= (each["metadata"].get("labels") or {}).items()
        and not each["metadata"].get("deletionTimestamp")
        and not is_over(each)
    ]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def reference(kind: Kind, live: Object) -> ObjectRef:
    """Return what identifies an object as it was read."""
    meta = live["metadata"]
    return ObjectRef(
        kind=kind,
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
    )


def change(kind: Kind, live: Object, values: Mapping[str, Any]) -> ChangeStep:
    """Return the step that gives fields of an object other values; None removes one."""
    changes = tuple(
        FieldChange(path=path, before=value_at(live, path), after=value)
        for path, value in values.items()
    )
    return ChangeStep(object=reference(kind, live), changes=changes)


def delete_pods(pods: Sequence[Object]) -> tuple[DeletePodStep, ...]:
    """Return the steps that delete pods."""
    return tuple(DeletePodStep(object=reference(Kind.POD, each)) for each in pods)


def on_nodes(pods: Sequence[Object], means: Means) -> tuple[NodeStep, ...]:
    """Return the steps that break pods on their nodes. Raises NotApplicableError."""
    return tuple(
        NodeStep(object=reference(Kind.POD, each), node=_node_of(each), means=means)
        for each in pods
    )


def in_networks(pods: Sequence[Object], means: Means) -> tuple[NodeStep, ...]:
    """Return the steps in pods' own networks. Raises NotApplicableError."""
    for each in pods:
        if each["spec"].get("hostNetwork"):
            raise NotApplicableError(f"pod {each['metadata']['name']} has the network of its node")
    return on_nodes(pods, means)


def services_of(scene: Scene) -> Sequence[Object]:
    """Return the Services that lead to the target, by an address of their own.

    Who asks for one that has none is told the pods' addresses, and comes by their ports.
    """
    labels = scene.workload["spec"]["template"]["metadata"].get("labels") or {}
    return [
        each
        for each in scene.objects[Kind.SERVICE]
        if each["spec"].get("selector")
        and each["spec"]["selector"].items() <= labels.items()
        and each["spec"].get("ports")
        and each["spec"].get("clusterIP") != "None"
    ]


def _node_of(pod: Object) -> str:
    if not pod["spec"].get("nodeName") or pod["status"].get("phase") != "Running":
        raise NotApplicableError(f"pod {pod['metadata']['name']} does not run")
    return str(pod["spec"]["nodeName"])
