"""Faults of what rules over the target: NetworkPolicies, Roles, quotas. Pure.

What is created has a plain name, as a person in a hurry would give it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ooda.common.cluster.interface import Object
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import CreateStep, NodeStep, Step
from ooda.common.node_means import Contact
from ooda.common.plans import ObjectRef
from ooda.injector.core.workloads import TARGETS
from ooda.injector.faults import contacts
from ooda.injector.faults.scene import (
    NotApplicableError,
    Scene,
    change,
    delete_pods,
    in_networks,
    is_over,
    pods_of,
    selector_of,
    services_of,
)


def _create(kind: Kind, scene: Scene, name: str, spec: Mapping[str, Any]) -> CreateStep:
    if any(each["metadata"]["name"] == name for each in scene.objects[kind]):
        raise NotApplicableError(f"there is a {kind} {name} already")
    reference = ObjectRef(kind=kind, namespace=scene.namespace, name=name, uid="")
    return CreateStep(object=reference, spec=spec)


class NetworkPartition:
    """A NetworkPolicy that lets everybody in but one client, which is asked whether it gets in."""

    reads = frozenset({Kind.NETWORK_POLICY, Kind.SERVICE, Kind.POD, *TARGETS})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:
        """See Fault."""
        client = scene.other(parameters["client"])
        own = {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}}
        others = [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [scene.namespace]}
        ]
        let_in: list[dict[str, Any]] = [{"namespaceSelector": {"matchExpressions": others}}]
        for key, value in selector_of(client).items():  # whoever differs in one label is let in
            but = [{"key": key, "operator": "NotIn", "values": [value]}]
            let_in.append({"namespaceSelector": own, "podSelector": {"matchExpressions": but}})
        spec = {
            "podSelector": {"matchLabels": dict(scene.selector())},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": let_in}],
        }
        policy = _create(Kind.NETWORK_POLICY, scene, f"{scene.name}-ingress", spec)
        return (*_asking(scene, client), policy)


def _asking(scene: Scene, client: Object) -> tuple[NodeStep, ...]:
    """Return the steps that ask from each of the client's pods whether it gets in."""
    pods = pods_of(client, scene.objects[Kind.POD])
    if not pods:
        raise NotApplicableError(f"its client {client['metadata']['name']} has no pods")
    served = (contacts.of_service(each) for each in services_of(scene))
    asks = next((each for each in served if each), None) or contacts.of_pods(scene.pods())
    if not asks:
        raise NotApplicableError("it has no pods with an address")
    return in_networks(pods, Contact(asks=asks))


class RoleRules:
    """The Role of its service account without a rule."""

    reads = frozenset({Kind.ROLE, Kind.ROLE_BINDING})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:  # noqa: ARG002 - it has none
        """See Fault."""
        account = scene.workload["spec"]["template"]["spec"].get("serviceAccountName", "default")
        roles = {str(each["metadata"]["name"]): each for each in scene.objects[Kind.ROLE]}
        for name in _bound(scene.objects[Kind.ROLE_BINDING], account, scene.namespace):
            if name in roles and roles[name].get("rules"):
                return (change(Kind.ROLE, roles[name], {"/rules": None}),)
        raise NotApplicableError(f"its service account {account} has no Role with rules")


def _bound(bindings: Sequence[Object], account: str, namespace: str) -> Sequence[str]:
    """Return the names of the Roles that are bound to this service account alone."""
    return [
        str(each["roleRef"]["name"])
        for each in bindings
        if each["roleRef"]["kind"] == "Role"
        and [
            (subject["kind"], subject.get("namespace", namespace), subject["name"])
            for subject in each.get("subjects") or ()
        ]
        == [("ServiceAccount", namespace, account)]
    ]


class Quota:
    """A quota of pods below what there is, and a pod lost that may not be replaced."""

    reads = frozenset({Kind.RESOURCE_QUOTA, Kind.POD})

    def plan(self, scene: Scene, parameters: Mapping[str, str]) -> tuple[Step, ...]:  # noqa: ARG002 - it has none
        """See Fault."""
        pods = scene.pods()
        if not pods:
            raise NotApplicableError("it has no pods")
        counted = [each for each in scene.objects[Kind.POD] if not is_over(each)]
        allowed = str(len(counted) - 1)
        lost = delete_pods(pods[:1])
        for quota in scene.objects[Kind.RESOURCE_QUOTA]:
            if "pods" in (quota["spec"].get("hard") or {}):
                lowered = change(Kind.RESOURCE_QUOTA, quota, {"/spec/hard/pods": allowed})
                return (lowered, *lost)
        quota_of = _create(Kind.RESOURCE_QUOTA, scene, "compute", {"hard": {"pods": allowed}})
        return (quota_of, *lost)
