"""What each service of the agent may do with the API server, all of it."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

Objects = list[dict[str, Any]]

EVERYONE = {
    "get": "namespaces/kube-system",
    "create": "coordination.k8s.io/leases@own",
}
RIGHTS = {
    "observer": {
        "list watch": "pods services configmaps nodes namespaces apps/deployments apps/replicasets "
        "apps/statefulsets apps/daemonsets batch/jobs batch/cronjobs events.k8s.io/events "
        "discovery.k8s.io/endpointslices networking.k8s.io/networkpolicies "
        "policy/poddisruptionbudgets coordination.k8s.io/leases",
        "get list watch create update": "ooda.dev/knowngoods",
        "get update": "coordination.k8s.io/leases/ooda-observer@own",
    },
    "orienter": {
        "get": "services configmaps pods/log apps/deployments apps/statefulsets apps/daemonsets "
        "ooda.dev/knowngoods",
        "list": "pods apps/replicasets events.k8s.io/events discovery.k8s.io/endpointslices",
        "get update": "coordination.k8s.io/leases/ooda-orienter@own",
    },
    "decider": {
        "get": "namespaces configmaps services apps/deployments apps/statefulsets apps/daemonsets "
        "ooda.dev/knowngoods",
        "list": "autoscaling/horizontalpodautoscalers",
        "get update": "coordination.k8s.io/leases/ooda-decider@own",
    },
    "actor": {
        "get patch": "configmaps services apps/deployments apps/statefulsets apps/daemonsets",
        "get delete": "pods",
        "get": "namespaces apps/replicasets ooda.dev/knowngoods configmaps/ooda-stop@own",
        "get update": "coordination.k8s.io/leases/ooda-actor@own",
    },
    "recorder": {"get update": "coordination.k8s.io/leases/ooda-recorder@own"},
}


def said(table: dict[str, str]) -> set[str]:
    return {
        f"{verb} {resource}"
        for verbs, resources in table.items()
        for verb in verbs.split()
        for resource in resources.split()
    }


def granted(rules: Objects, where: str) -> Iterator[str]:
    for rule in rules:
        for group, resource, verb, name in product(
            rule["apiGroups"], rule["resources"], rule["verbs"], rule.get("resourceNames", [""])
        ):
            yield f"{verb} {'/'.join(part for part in (group, resource, name) if part)}{where}"


def rights(agent: Objects, account: str) -> set[str]:
    """Everything that an account is bound to, everywhere or (@own) in its own namespace."""
    roles = {(each["kind"], each["metadata"]["name"]): each for each in agent if "rules" in each}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "ooda-system"}
    return {
        right
        for binding in agent
        if subject in binding.get("subjects", [])
        for right in granted(
            roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]["rules"],
            "@own" if binding["kind"] == "RoleBinding" else "",
        )
    }


@pytest.mark.parametrize("service", RIGHTS)
def test_a_service_may_do_this_and_nothing_else(agent: Objects, service: str) -> None:
    assert rights(agent, service) == said(EVERYONE) | said(RIGHTS[service])


def test_nobody_may_read_secrets_or_give_rights(agent: Objects) -> None:
    for service in RIGHTS:
        for right in rights(agent, service):
            assert not [word for word in ("secrets", "rbac", "*") if word in right]
