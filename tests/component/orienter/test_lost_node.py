"""A node that fell silent: looked at with its own tools, and told with its pods."""

from factories.cluster_objects import pod, stamp
from factories.diagnosis import CHECKOUT, anomaly, anomaly_flagged, workload
from factories.events import NAMESPACE
from factories.orienter import Cluster, Orienter
from ooda.common.cluster.kinds import Kind
from ooda.common.events import DiagnosisStarted
from ooda.common.targets import NodeTarget
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Signal

NODE = NodeTarget(name="worker")
SILENT = anomaly(Signal.NODE_SILENT, NODE, node="worker")


def lost(cluster: Cluster, ready: str) -> None:
    cluster.put(
        Kind.NODE,
        {
            "metadata": {"name": "worker"},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        },
    )
    meta = {"name": "worker", "namespace": "kube-node-lease"}
    cluster.put(Kind.LEASE, {"metadata": meta, "spec": {"renewTime": stamp(-60)}})
    cluster.add(pod("checkout-1", ready=ready == "True"), pod("other-1", node="other"))


async def test_before_the_condition_turns_the_lease_alone_is_one_family(
    orienter: Orienter, cluster: Cluster
) -> None:
    lost(cluster, "True")
    await orienter.hear(anomaly_flagged(SILENT).model_copy(update={"namespace": None}))
    told = await orienter.ready()
    assert (told.failure_class, told.component) == (FailureClass.NODE_NOT_READY, NODE)
    assert told.namespace is None
    assert told.agreeing == (EvidenceFamily.NODE,)
    seen = next(each for each in told.findings if each.tool == "inspect_node")
    assert seen.excerpt.endswith(f"pods on it (1): {NAMESPACE}/checkout-1")


async def test_what_the_node_takes_with_it_is_one_incident_with_it(
    orienter: Orienter, cluster: Cluster
) -> None:
    lost(cluster, "Unknown")
    await orienter.hear(anomaly_flagged(SILENT).model_copy(update={"namespace": None}))
    short = anomaly(Signal.REPLICAS_SHORT, after=50, node="worker", pod="checkout-1")
    await orienter.hear(anomaly_flagged(short))
    told = await orienter.ready(2)
    assert (told.failure_class, told.component) == (FailureClass.NODE_NOT_READY, NODE)
    assert {each.target for each in told.anomalies} == {NODE, CHECKOUT}
    assert {EvidenceFamily.NODE, EvidenceFamily.OBJECT_STATE} <= set(told.agreeing)
    assert told.confidence >= 0.95


async def test_all_that_was_on_it_is_one_incident_with_it_and_nothing_else_is(
    orienter: Orienter, cluster: Cluster
) -> None:
    lost(cluster, "Unknown")
    await orienter.hear(anomaly_flagged(SILENT).model_copy(update={"namespace": None}))
    kinds = {"checkout": "Deployment", "ledger": "StatefulSet", "agent": "DaemonSet"}
    for name, kind in kinds.items():
        short = anomaly(Signal.REPLICAS_SHORT, workload(name, kind), after=50, node="worker")
        await orienter.hear(anomaly_flagged(short))
    own = anomaly(Signal.CRASH_LOOP, workload("cart"), after=51, node="worker")
    await orienter.hear(anomaly_flagged(own))
    told = await orienter.ready(4)
    assert (told.failure_class, told.component) == (FailureClass.NODE_NOT_READY, NODE)
    targets = {workload(name, kind) for name, kind in kinds.items()}
    assert {each.target for each in told.anomalies} == {NODE, *targets}
    assert told.hypotheses[0].unexplained == ()
    assert len({each.incident_id for each in orienter.said(DiagnosisStarted)}) == 2
