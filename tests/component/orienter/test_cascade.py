"""A Service leads nowhere, and who depends on it turns unready: one incident, of the Service."""

from factories.cluster_objects import (
    Json,
    container_status,
    deployment,
    endpoint_slice,
    pod,
    stamp,
)
from factories.cluster_objects import service as served
from factories.diagnosis import CHECKOUT, anomaly, anomaly_flagged, calls
from factories.events import NAMESPACE
from factories.orienter import Cluster, Orienter, snapshot
from ooda.common.events import DiagnosisReady, GraphEdge
from ooda.common.targets import ServiceTarget
from ooda.common.taxonomy import FailureClass, Signal

DATABASE = ServiceTarget(namespace=NAMESPACE, name="orders-db")
GOOD = {"selector": {"app.kubernetes.io/name": "orders-db"}, "ports": [{"port": 5432}]}
LOST = anomaly(Signal.ENDPOINTS_LOST, DATABASE)
WAITS = anomaly(Signal.CONTAINER_STUCK, reason="NotReady", pod="checkout-1", after=5)


def misrouted(cluster: Cluster, log: str) -> None:
    broken = served("orders-db", {"app.kubernetes.io/name": "orders"})
    broken["spec"]["ports"] = GOOD["ports"]
    written: Json = {"f:spec": {"f:selector": {}}}
    broken["metadata"]["managedFields"] = [
        {"time": stamp(-4), "operation": "Update", "fieldsV1": written}
    ]
    cluster.add(
        broken,
        endpoint_slice("orders-db", ready=0),
        pod("orders-db-0", app="orders-db"),
        deployment(ready=0),
        pod("checkout-1", container_status() | {"ready": False}, ready=False),
        {
            "kind": "KnownGood",
            "metadata": {"name": "catalog", "namespace": NAMESPACE},
            "spec": {"services": {"orders-db": [GOOD]}},
        },
    )
    cluster.set_logs(NAMESPACE, "checkout-1", "app", log)


async def flagged(
    orienter: Orienter, cluster: Cluster, log: str, *edges: GraphEdge
) -> list[DiagnosisReady]:
    misrouted(cluster, log)
    orienter.diagnosing.sight.keep(snapshot(*edges, after=1))
    await orienter.hear(anomaly_flagged(LOST))
    await orienter.ready()
    orienter.clock.advance(5)
    await orienter.hear(anomaly_flagged(WAITS))
    await orienter.until(lambda: len(orienter.said(DiagnosisReady)) == 2)
    return orienter.said(DiagnosisReady)


async def test_who_says_that_it_cannot_reach_it_belongs_to_it(
    orienter: Orienter, cluster: Cluster
) -> None:
    log = "connect to orders-db:5432 failed: connection refused"
    first, second = await flagged(orienter, cluster, log)
    assert (first.failure_class, first.component) == (FailureClass.SERVICE_MISROUTED, DATABASE)
    assert (second.failure_class, second.component) == (FailureClass.SERVICE_MISROUTED, DATABASE)
    assert second.incident_id == first.incident_id
    assert {each.target for each in second.anomalies} == {DATABASE, CHECKOUT}
    assert second.hypotheses[0].unexplained == ()


async def test_who_is_known_to_call_it_belongs_to_it_though_its_log_is_silent(
    orienter: Orienter, cluster: Cluster
) -> None:
    first, second = await flagged(
        orienter, cluster, "warming up the cache", calls(CHECKOUT, DATABASE)
    )
    assert second.incident_id == first.incident_id
    assert (second.failure_class, second.component) == (FailureClass.SERVICE_MISROUTED, DATABASE)
    assert second.hypotheses[0].unexplained == ()
    assert second.confidence > 0.9


async def test_who_neither_calls_it_nor_says_anything_of_it_has_a_cause_of_its_own(
    orienter: Orienter, cluster: Cluster
) -> None:
    first, second = await flagged(orienter, cluster, "warming up the cache")
    assert second.incident_id != first.incident_id
    assert second.component == CHECKOUT
