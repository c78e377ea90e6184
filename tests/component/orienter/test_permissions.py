"""A service account is denied what it lost: asked of the cluster, with every tool that applies."""

from typing import Any

import pytest

from factories.cluster_objects import container_status, pod, stamp
from factories.diagnosis import anomaly, anomaly_flagged
from factories.events import NAMESPACE
from factories.orienter import Cluster, Orienter
from factories.situations import POD, crash
from ooda.common.cluster.kinds import Kind
from ooda.common.targets import ServiceAccountTarget
from ooda.common.taxonomy import FailureClass, Signal

ACCOUNT = ServiceAccountTarget(namespace=NAMESPACE, name="reader")
GET = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
LIST = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
USER = f"system:serviceaccount:{NAMESPACE}:reader"
NO_GET = (
    f'configmaps "prices" is forbidden: User "{USER}" cannot get resource "configmaps" '
    f'in API group "" in the namespace "{NAMESPACE}"'
)
BINDING = {
    "roleRef": {"kind": "Role", "name": "reader"},
    "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": NAMESPACE}],
}


def meta(name: str, ago: float = 0) -> dict[str, Any]:
    wrote = [{"time": stamp(-ago), "fieldsV1": {}}]
    return {"name": name, "namespace": NAMESPACE, "managedFields": wrote}


def running(name: str = POD, *statuses: dict[str, Any], ready: bool = True) -> dict[str, Any]:
    found = pod(name, *statuses, ready=ready)
    return found | {"spec": found["spec"] | {"serviceAccountName": "reader"}}


def trimmed(cluster: Cluster, *rules: dict[str, Any]) -> None:
    good = {"roles": {"reader": [GET, LIST]}, "roleBindings": {"reader": BINDING}}
    cluster.add(
        {"kind": "Role", "metadata": meta("reader", 2), "rules": list(rules)},
        {"kind": "RoleBinding", "metadata": meta("reader", 900)} | BINDING,
        {
            "kind": "KnownGood",
            "metadata": {"name": "catalog", "namespace": NAMESPACE},
            "spec": {"serviceAccounts": {"reader": good}},
        },
    )


async def test_what_was_taken_away_and_is_missed_is_diagnosed(
    orienter: Orienter, cluster: Cluster
) -> None:
    trimmed(cluster, LIST)
    cluster.add(running())
    cluster.set_logs(NAMESPACE, POD, "app", f"{stamp()} {NO_GET}\n")
    await orienter.hear(anomaly_flagged(anomaly(Signal.ACCESS_DENIED, ACCOUNT)))
    ready = await orienter.ready()
    found = (ready.failure_class, ready.component)
    assert found == (FailureClass.PERMISSION_REVOKED, ACCOUNT)
    assert ready.confidence > 0.9
    assert "reader is denied what it was allowed before" in ready.summary
    assert ready.change is not None


async def test_what_is_allowed_again_is_not(orienter: Orienter, cluster: Cluster) -> None:
    trimmed(cluster, GET, LIST)
    cluster.add(running())
    cluster.set_logs(NAMESPACE, POD, "app", f"{stamp()} {NO_GET}\n")
    await orienter.hear(anomaly_flagged(anomaly(Signal.ACCESS_DENIED, ACCOUNT)))
    ready = await orienter.ready()
    assert ready.failure_class is not FailureClass.PERMISSION_REVOKED


async def test_without_a_right_to_read_roles_nothing_is_sure(
    orienter: Orienter, cluster: Cluster
) -> None:
    trimmed(cluster, LIST)
    cluster.refuse("list", Kind.ROLE)
    cluster.add(running())
    await orienter.hear(anomaly_flagged(anomaly(Signal.ACCESS_DENIED, ACCOUNT)))
    ready = await orienter.ready()
    assert ready.failure_class is FailureClass.UNKNOWN
    assert {each.outcome for each in ready.findings} == {"unavailable"}


@pytest.mark.parametrize("denied", [True, False], ids=["denied", "another-crash"])
async def test_a_crash_loop_leads_to_the_account_that_its_log_names(
    orienter: Orienter, cluster: Cluster, *, denied: bool
) -> None:
    log = f"{NO_GET}\nTraceback (most recent call last)" if denied else "panic: no"
    crash(cluster, log=log)
    cluster.set_logs(NAMESPACE, POD, "app", log, previous=True)
    trimmed(cluster, LIST)
    looping = container_status(waiting="CrashLoopBackOff", ended=1, restarts=4)
    cluster.add(running(POD, looping, ready=False))
    await orienter.hear(anomaly_flagged(anomaly(Signal.CRASH_LOOP)))
    ready = await orienter.ready()
    expected = FailureClass.PERMISSION_REVOKED if denied else FailureClass.CRASH_LOOP
    assert ready.failure_class is expected, ready.summary
