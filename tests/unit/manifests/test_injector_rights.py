"""What the code of the injector asks the API server for is granted by RBAC; to the reaper, less."""

from typing import Any

import pytest

from ooda.common.cluster.kinds import Kind
from ooda.injector.core.workloads import TARGETS
from ooda.injector.faults.library import FAULTS
from source.door_calls import KindsOf, right, rights_of, rights_used
from unit.manifests.test_agent_rights import granted, rules_of

Objects = list[dict[str, Any]]
CHANGED = frozenset(
    {
        *TARGETS,
        Kind.SERVICE,
        Kind.CONFIG_MAP,
        Kind.ROLE,
        Kind.RESOURCE_QUOTA,
    }
)
CREATED = frozenset({Kind.NETWORK_POLICY, Kind.RESOURCE_QUOTA})
READ = frozenset(kind for fault in FAULTS.values() for kind in fault.reads)
STEPS = "ooda.injector.steps"
KINDS_OF: KindsOf = {
    ("ooda.injector.admission:_plan", "kind"): READ,
    ("ooda.injector.admission:_matched", "kind"): frozenset(TARGETS),
    ("ooda.injector.admission:_named", "kind"): frozenset(TARGETS),
    ("ooda.injector.baseline:_find", "kind"): CHANGED | CREATED,
    ("ooda.injector.restoring:take", "Kind(where.kind)"): CHANGED,
    ("ooda.injector.restoring:restore", "Kind(where.kind)"): CHANGED,
    ("ooda.injector.probes.watching:collections", "kind"): frozenset({Kind.POD, *TARGETS}),
    ("ooda.injector.probes.watching:look", "self._kind"): frozenset(TARGETS),
    ("ooda.injector.probes.bystanding:workloads", "kind"): frozenset(TARGETS),
    ("ooda.injector.overseer:_repaired", "kind"): frozenset(TARGETS),
    (f"{STEPS}:apply", "kind"): frozenset(),
    (f"{STEPS}:undo", "Kind(where.kind)"): frozenset(),
    (f"{STEPS}:replace_pods_but", "Kind(workload.kind)"): frozenset(TARGETS),
    (f"{STEPS}:_patch", "kind"): frozenset(),
    (f"{STEPS}:_find", "Kind(where.kind)"): CHANGED | CREATED | {Kind.POD},
}
"""All values of the variables by which the door is asked; what a step writes is said below."""

WRITES = {right("patch", kind) for kind in CHANGED} | {
    right(verb, kind) for verb in ("create", "delete") for kind in CREATED
}
ESCALATE = "escalate rbac.authorization.k8s.io/roles"
"""What the API server wants of who gives a Role its rules back."""
LEASE = rights_of("ooda.common.cluster.leases", "LeaseHolder", {})


def test_the_injector_may_do_what_its_code_does_and_nothing_else(injector: Objects) -> None:
    code = rights_used("ooda.injector", KINDS_OF) | LEASE | WRITES | {ESCALATE}
    assert code == granted(injector, "injector")


def test_the_reaper_may_only_look_and_take_back(injector: Objects) -> None:
    more, less = granted(injector, "injector"), granted(injector, "reaper")
    assert less < more
    assert {each for each in less if each.startswith("create ")} == set()
    secrets = {right(verb, Kind.SECRET) for verb in ("get", "patch", "update")}
    takes_back = (
        {right("patch", kind) for kind in CHANGED}
        | secrets
        | {"patch pods/resize"}
        | {right("delete", kind) for kind in CREATED | {Kind.POD}}
    )
    looks = {right("get", kind) for kind in CHANGED | CREATED | {Kind.POD, Kind.LEASE}} | {
        right("list", kind) for kind in (Kind.POD, Kind.ENDPOINT_SLICE)
    }
    journal = {right(verb, Kind.FAULT_RUN) for verb in ("get", "list", "watch", "update")}
    assert less == takes_back | looks | journal | {right("delete", Kind.LEASE), ESCALATE}


def test_fault_agent_may_read_the_journal_and_write_into_it_and_nothing_else(
    injector: Objects,
) -> None:
    code = rights_used("ooda.injector.node", {}) | rights_of("ooda.injector.journal", "Journal", {})
    journal = {right(verb, Kind.FAULT_RUN) for verb in ("get", "list", "watch", "update")}
    assert code - {right("create", Kind.FAULT_RUN)} == journal
    rules = list(rules_of(injector, "fault-agent", "ooda-fault-agent"))
    assert [(rule["resources"], where) for rule, where in rules] == [(["faultruns"], "@own")]
    assert granted(injector, "fault-agent", namespace="ooda-fault-agent") == journal


@pytest.mark.parametrize("account", ["injector", "reaper"])
def test_nothing_but_namespaces_may_be_read_in_the_whole_cluster(
    injector: Objects, account: str
) -> None:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "ooda-system"}
    wide = {
        each["roleRef"]["name"]
        for each in injector
        if each["kind"] == "ClusterRoleBinding" and subject in each["subjects"]
    }
    assert wide == ({"ooda-injector"} if account == "injector" else set())


@pytest.mark.parametrize("account", ["injector", "reaper"])
def test_secrets_are_read_and_written_by_name_alone(injector: Objects, account: str) -> None:
    for rule, _ in rules_of(injector, account):
        assert not {"*"} & {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}
        if "secrets" in rule["resources"]:
            assert rule["resourceNames"]
            assert not {"list", "watch", "create", "delete"} & {*rule["verbs"]}
