"""One ConfigMap or one quota that several components suffer from is one hypothesis."""

from collections.abc import Sequence

import pytest

from factories.diagnosis import CHECKOUT, PAYMENT, WEIGHTS, anomaly, case, change, saw, workload
from factories.events import NAMESPACE
from ooda.common.events import GraphEdge
from ooda.common.findings import Finding
from ooda.common.targets import NodeTarget, ServiceAccountTarget, Target
from ooda.common.taxonomy import FailureClass, Signal
from ooda.orienter.core.fusion import Case, fuse
from ooda.orienter.core.records import Member
from ooda.orienter.core.signs import Sign

SHARED = f"ConfigMap {NAMESPACE}/shared"
FULL = f"ResourceQuota {NAMESPACE}/small"
KEY = "configmap/shared.data.url"
THREE = (CHECKOUT, PAYMENT, workload("agent", "DaemonSet"))


def stuck(target: Target, *shares: str) -> Member:
    reason = "CreateContainerConfigError"
    return anomaly(Signal.CONTAINER_STUCK, target, shares=shares, reason=reason)


def lacks_key(target: Target, *fields: str) -> Sequence[Finding]:
    return (
        saw("inspect_workload", Sign.CONFIG_MISSING, Sign.ENOUGH_DESIRED, target=target),
        saw("describe_pod_events", Sign.EVENT_CONFIG_MISSING, target=target),
        saw("recent_changes", change=change(*fields, target=target), target=target),
    )


def of(members: Sequence[Member], *findings: Sequence[Finding]) -> Case:
    return case(members, [each for some in findings for each in some])


def test_a_key_that_three_workloads_lack_is_one_diagnosis_that_is_sure_enough_to_act() -> None:
    found = fuse(
        of([stuck(each, SHARED) for each in THREE], *(lacks_key(each, KEY) for each in THREE)),
        WEIGHTS,
    )

    assert (found.failure_class, found.component) == (FailureClass.CONFIG_ERROR, CHECKOUT)
    assert found.change is not None
    assert found.change.fields == (KEY,)
    assert found.confidence > 0.95
    assert found.margin > 0.9
    assert found.hypotheses[0].unexplained == ()


APART = {
    "each lacks a key of a ConfigMap of its own": (
        [stuck(CHECKOUT, SHARED), stuck(PAYMENT, f"ConfigMap {NAMESPACE}/own")],
        [lacks_key(CHECKOUT, KEY), lacks_key(PAYMENT, "configmap/own.data.url")],
    ),
    "the template of one names another key": (
        [stuck(CHECKOUT, SHARED), stuck(PAYMENT, SHARED)],
        [
            lacks_key(CHECKOUT, KEY),
            lacks_key(PAYMENT, "spec.template.spec.containers[app].env[URL]"),
        ],
    ),
    "a name that only begins like that of the other": (
        [stuck(CHECKOUT, SHARED), stuck(PAYMENT, SHARED)],
        [lacks_key(CHECKOUT, KEY), lacks_key(PAYMENT, "configmap/shared-too.data.url")],
    ),
}


@pytest.mark.parametrize(("members", "findings"), APART.values(), ids=APART)
def test_two_causes_stay_two_hypotheses(
    members: Sequence[Member], findings: Sequence[Sequence[Finding]]
) -> None:
    found = fuse(of(members, *findings), WEIGHTS)

    blamed = [h.component for h in found.hypotheses if h.failure_class is FailureClass.CONFIG_ERROR]
    assert set(blamed) == {CHECKOUT, PAYMENT}
    assert found.confidence < 0.9


def test_a_quota_that_denies_two_workloads_is_one_diagnosis() -> None:
    denied = [anomaly(Signal.REPLICAS_SHORT, each, shares=(FULL,)) for each in (CHECKOUT, PAYMENT)]
    lost = anomaly(Signal.POD_LOST, PAYMENT, reason="deleted")
    said = [
        [
            saw("inspect_workload", Sign.QUOTA_DENIED, Sign.ENOUGH_DESIRED, target=each),
            saw("describe_pod_events", Sign.EVENT_QUOTA, target=each),
            saw("recent_changes", target=each),
        ]
        for each in (CHECKOUT, PAYMENT)
    ]

    found = fuse(of([*denied, lost], *said), WEIGHTS)

    assert found.failure_class is FailureClass.QUOTA_EXCEEDED
    assert found.hypotheses[0].unexplained == ()
    assert found.confidence > 0.9


ROLE = f"Role {NAMESPACE}/prices"
ACCOUNTS = tuple(ServiceAccountTarget(namespace=NAMESPACE, name=n) for n in ("cart", "orders"))


def denied(target: Target, *fields: str) -> Sequence[Finding]:
    return (
        saw("recent_access_changes", change=change(*fields, target=target, ago=1), target=target),
        saw("check_permissions", target=target),
        saw("get_account_logs", Sign.LOG_ACCESS_DENIED, target=target),
    )


def test_a_role_by_which_two_accounts_lost_something_is_one_diagnosis() -> None:
    members = [anomaly(Signal.ACCESS_DENIED, each, shares=(ROLE,)) for each in ACCOUNTS]

    found = fuse(of(members, *(denied(each, "role/prices") for each in ACCOUNTS)), WEIGHTS)

    assert (found.failure_class, found.component) == (FailureClass.PERMISSION_REVOKED, ACCOUNTS[0])
    assert found.hypotheses[0].unexplained == ()
    assert found.cause == ROLE
    assert found.confidence > 0.9


def test_two_accounts_of_which_one_lost_more_are_two_hypotheses() -> None:
    members = [anomaly(Signal.ACCESS_DENIED, each, shares=(ROLE,)) for each in ACCOUNTS]
    first, second = ACCOUNTS

    found = fuse(
        of(members, denied(first, "role/prices"), denied(second, "role/prices", "role/more")),
        WEIGHTS,
    )

    blamed = [h.component for h in found.hypotheses if h.component is not None]
    assert set(blamed) == {first, second}


def test_a_pod_that_finds_no_place_is_its_lost_node_s_doing() -> None:
    node = NodeTarget(name="worker")
    members = [
        anomaly(Signal.NODE_SILENT, node, node="worker"),
        anomaly(Signal.CONTAINER_STUCK, PAYMENT, reason="Unschedulable", after=320),
    ]

    placed = GraphEdge(relation="placed_on", source=PAYMENT, sink=node)
    said = [
        saw("inspect_node", Sign.NODE_LEASE_STALE, Sign.NODE_CONDITION_BAD, target=node),
        saw("inspect_pods_of_node", Sign.NODE_PODS_UNREADY, target=node),
        saw("describe_node_events", Sign.EVENT_NODE_NOT_READY, target=node),
        saw("inspect_workload", Sign.UNSCHEDULABLE, Sign.ENOUGH_DESIRED, target=PAYMENT),
        saw("describe_pod_events", Sign.EVENT_FAILED_SCHEDULING, target=PAYMENT),
        saw("recent_changes", target=PAYMENT),
    ]

    found = fuse(case(members, said, placed), WEIGHTS)

    assert (found.failure_class, found.component) == (FailureClass.NODE_NOT_READY, node)
    assert found.hypotheses[0].unexplained == ()
