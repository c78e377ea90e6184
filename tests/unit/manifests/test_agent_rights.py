"""What the code of each service asks the API server for is what RBAC grants it, both ways."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ooda.actor.core import plan
from ooda.common.cluster import remarking
from ooda.common.cluster.kinds import Kind
from ooda.decider import looking
from ooda.observer.core.sources import WATCHED
from ooda.orienter.tools.reading import WORKLOADS
from servers.kubectl import kustomize
from source.door_calls import KindsOf, UnknownKindError, names_in, right, rights_of, rights_used

ROOT = Path(__file__).parents[3]
Objects = list[dict[str, Any]]

SERVICES = ("observer", "orienter", "decider", "actor", "recorder")
TEMPLATED = frozenset(plan._WITH_TEMPLATE)  # noqa: SLF001 - workloads that are planned with
PATCHED = TEMPLATED | {Kind.CONFIG_MAP, Kind.SERVICE}
"""What a plan of the actor changes; nodes are granted apart (k8s/components/cordon)."""
READ = frozenset(WORKLOADS.values())
KINDS_OF: KindsOf = {
    ("ooda.observer.observation:follow", "kind"): WATCHED,
    ("ooda.orienter.tools.reading:workload_named", "kind"): READ,
    ("ooda.orienter.tools.toolbox:check_memory", "WORKLOADS[workload_kind]"): READ,
    ("ooda.orienter.tools.toolbox:inspect_workload", "WORKLOADS[workload_kind]"): READ,
    ("ooda.orienter.tools.toolbox:recent_changes", "WORKLOADS[workload_kind]"): READ,
    ("ooda.decider.looking:_look_at", "kind"): frozenset(looking._ACTIONABLE.values()),  # noqa: SLF001 - its kinds
    ("ooda.common.cluster.remarking:_find", "_WORKLOADS[kind]"): frozenset(
        remarking._WORKLOADS.values()  # noqa: SLF001 - its kinds
    ),
    ("ooda.actor.looking:look_at_scene", "kind"): TEMPLATED,
    ("ooda.actor.looking:look_at_result", "Kind(reference.kind)"): PATCHED | {Kind.POD, Kind.NODE},
    ("ooda.actor.looking:look_at_source", "Kind(reference.kind)"): PATCHED | {Kind.POD, Kind.NODE},
    ("ooda.actor.writing:apply_step", "kind"): PATCHED,
}
"""All values of the variables by which a door is asked for a kind."""

NOT_PLANNED = {
    "EvictStep": {right("create", Kind.POD, "/eviction")},
    "CreateJobStep": {right("create", Kind.JOB), right("get", Kind.JOB)},
}
"""Steps that the actor can do and no plan of its has: what they need is granted with the first."""

EVERYONE = rights_of("ooda.common.cluster.leases", "LeaseHolder", {}) | {"get namespaces"}
"""A Lease of its own, and the identity of the cluster (``ApiServer.identity``)."""
OF_ONE_OBJECT = frozenset({"read_stop"})
"""What is imported to read one object of the own namespace, by its name."""


READ_GRANTS = {
    right(verb, kind) for verb in ("list", "watch") for kind in (Kind.ROLE, Kind.ROLE_BINDING)
} | {right("list", kind) for kind in (Kind.CLUSTER_ROLE, Kind.CLUSTER_ROLE_BINDING)}


def used(service: str, *, anywhere: bool = False) -> set[str]:
    """Return what the code of a service uses; of that, what it may have to do to any object."""
    if anywhere:
        found = rights_used(f"ooda.{service}", KINDS_OF, but=OF_ONE_OBJECT)
    else:
        found = rights_used(f"ooda.{service}", KINDS_OF) | EVERYONE
    if service == "actor":
        for step, needs in NOT_PLANNED.items():
            assert step not in names_in("ooda.actor.core"), f"{step} is planned: grant {needs}"
            found -= needs
    return found


def rules_of(
    agent: Objects, account: str, namespace: str = "ooda-system"
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every rule that an account is bound to, everywhere or (@own) in its own namespace."""
    roles = {(each["kind"], each["metadata"]["name"]): each for each in agent if "rules" in each}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    for binding in agent:
        if subject in binding.get("subjects", []):
            where = "@own" if binding["kind"] == "RoleBinding" else ""
            role = roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]
            yield from ((rule, where) for rule in role["rules"])


def granted(
    agent: Objects, account: str, *, anywhere: bool = False, namespace: str = "ooda-system"
) -> set[str]:
    """Return what an account may do; of that, what no name or namespace restricts."""
    return {
        f"{verb} {group + '/' if group else ''}{resource}"
        for rule, where in rules_of(agent, account, namespace)
        if not anywhere or not (where or "resourceNames" in rule)
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_what_its_code_does_and_nothing_else(agent: Objects, service: str) -> None:
    code, manifests = used(service), granted(agent, service)
    assert code - manifests == set(), "the code asks for it, and no manifest grants it"
    assert manifests - code == set(), "a manifest grants it, and no code asks for it"


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_asked_of_one_object_only_is_granted_for_no_other(
    agent: Objects, service: str
) -> None:
    assert granted(agent, service, anywhere=True) == used(service, anywhere=True)


@pytest.mark.parametrize("service", SERVICES)
def test_only_its_own_lease_is_written(agent: Objects, service: str) -> None:
    for rule, where in rules_of(agent, service):
        writes = {"create", "update"} & set(rule["verbs"])
        if "leases" in rule["resources"] and writes:
            names = [f"ooda-{service}"] if "update" in writes else None
            assert (where, rule.get("resourceNames")) == ("@own", names)


def test_to_cordon_nodes_is_granted_apart_and_to_the_actor_alone(agent: Objects) -> None:
    apart = agent + kustomize(ROOT / "tests/unit/manifests/cordon")
    assert granted(apart, "actor") - granted(agent, "actor") == {right("patch", Kind.NODE)}
    for service in set(SERVICES) - {"actor"}:
        assert granted(apart, service) == granted(agent, service)


def test_who_writes_to_workloads_does_not_even_read_what_others_may_do(agent: Objects) -> None:
    assert not [each for each in granted(agent, "actor") if "rbac" in each]
    grants = {Kind.ROLE, Kind.ROLE_BINDING, Kind.CLUSTER_ROLE, Kind.CLUSTER_ROLE_BINDING}
    assert grants.isdisjoint(PATCHED)


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_may_read_secrets_or_give_rights(agent: Objects, service: str) -> None:
    for each in granted(agent, service):
        words = ("secrets", "admission", "*")
        assert not [word for word in words if word in each]
        if "rbac" in each:
            # What others may do is read; to write it would be to give rights, to themselves too.
            assert each in READ_GRANTS
        assert each.split()[0] not in {"escalate", "bind", "impersonate", "deletecollection"}


def test_a_kind_that_cannot_be_read_from_the_source_is_not_passed_over() -> None:
    with pytest.raises(UnknownKindError, match="which kinds can"):
        rights_used("ooda.actor", {})
