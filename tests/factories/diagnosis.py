"""What a diagnosis is made from, with every field filled in."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from factories.events import NAMESPACE, NOW
from ooda.common.events import AnomalyFlagged, GraphEdge, derive_id
from ooda.common.findings import Change, Finding
from ooda.common.targets import ServiceTarget, Target, WorkloadTarget
from ooda.common.taxonomy import EvidenceFamily, FailureClass, Outcome, Signal
from ooda.orienter.core.findings import About, Seen, finding
from ooda.orienter.core.fusion import Case
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Member, Tried
from ooda.orienter.core.signs import Sign
from ooda.orienter.weights_file import load_weights

WEIGHTS = load_weights()


def workload(name: str, kind: str = "Deployment") -> WorkloadTarget:
    return WorkloadTarget(namespace=NAMESPACE, workload_kind=kind, name=name)


CHECKOUT = workload("checkout")
PAYMENT = workload("payment")
FRONT = ServiceTarget(namespace=NAMESPACE, name="checkout")
DATABASE = workload("orders-db", "StatefulSet")


def anomaly(signal: Signal, target: Target = CHECKOUT, *, after: float = 0, **given: Any) -> Member:
    return Member(
        **{
            "anomaly_id": derive_id("anomaly", str(target), signal, str(after)),
            "event_id": derive_id("anomaly.flagged", str(target), signal, str(after)),
            "signal": signal,
            "target": target,
            "component": target,
            "since": NOW + dt.timedelta(seconds=after),
        }
        | given
    )


def anomaly_flagged(member: Member) -> AnomalyFlagged:
    return AnomalyFlagged(
        event_id=member.event_id,
        summary=f"{member.signal} of {member.target}",
        occurred_at=member.since,
        cluster_id="cluster",
        namespace=NAMESPACE,
        anomaly_id=member.anomaly_id,
        signal=member.signal,
        hard=True,
        target=member.target,
        since=member.since,
        pod=member.pod,
        node=member.node,
        related=member.related,
        observed={"reason": member.reason, **_observed(member)},
    )


def _observed(member: Member) -> dict[str, str]:
    """Return what the observer tells of that which others depend on too."""
    named = [each.partition(" ") for each in member.shares]
    maps = [name.partition("/")[2] for kind, _, name in named if kind == "ConfigMap"]
    quotas = [name.partition("/")[2] for kind, _, name in named if kind == "ResourceQuota"]
    grants = [
        f"{kind.lower()}/{name.partition('/')[2]}"
        for kind, _, name in named
        if kind in ("Role", "RoleBinding")
    ]
    said = {"message": f"exceeded quota: {quotas[0]}, requested: pods=1"} if quotas else {}
    said |= {"changed_grants": ", ".join(grants)} if grants else {}
    return said | ({"changed_config_maps": ", ".join(maps)} if maps else {})


FAMILIES = {
    "inspect_workload": EvidenceFamily.OBJECT_STATE,
    "describe_pod_events": EvidenceFamily.EVENTS,
    "get_pod_logs": EvidenceFamily.LOGS,
    "recent_changes": EvidenceFamily.RECENT_CHANGE,
    "recent_service_changes": EvidenceFamily.RECENT_CHANGE,
    "check_service_endpoints": EvidenceFamily.OBJECT_STATE,
    "query_error_rate": EvidenceFamily.SERVER_METRICS,
    "check_memory": EvidenceFamily.RESOURCE_METRICS,
    "inspect_node": EvidenceFamily.NODE,
    "inspect_pods_of_node": EvidenceFamily.OBJECT_STATE,
    "describe_node_events": EvidenceFamily.EVENTS,
    "query_node_scrapes": EvidenceFamily.RESOURCE_METRICS,
    "recent_access_changes": EvidenceFamily.RECENT_CHANGE,
    "check_permissions": EvidenceFamily.IDENTITY,
    "get_account_logs": EvidenceFamily.LOGS,
}


def about(tool: str, target: Target = CHECKOUT) -> About:
    return About(tool, FAMILIES[tool], target, NOW)


def saw(tool: str, *signs: Sign, target: Target = CHECKOUT, **given: Any) -> Finding:
    return finding(about(tool, target), Seen(frozenset(signs), **given), WEIGHTS)


def change(*fields: str, target: Target = CHECKOUT, ago: float = 40, good: bool = True) -> Change:
    return Change(
        target=target,
        fields=fields,
        changed_at=NOW - dt.timedelta(seconds=ago),
        known_good=good,
    )


def calls(client: Target, server: Target) -> GraphEdge:
    return GraphEdge(relation="calls", source=client, sink=server)


def selects(name: str, target: Target) -> GraphEdge:
    service = ServiceTarget(namespace=NAMESPACE, name=name)
    return GraphEdge(relation="selects", source=service, sink=target)


def case(
    anomalies: Sequence[Member], findings: Sequence[Finding], *edges: GraphEdge, **given: Any
) -> Case:
    return replace(Case(tuple(anomalies), tuple(findings), Graph(edges), NOW), **given)


def tried(
    failure_class: FailureClass,
    component: Target = CHECKOUT,
    number: int = 1,
    outcome: Outcome = Outcome.NOT_HELPED,
) -> Tried:
    return Tried(
        action_id=str(number),
        outcome=outcome,
        failure_class=failure_class,
        component=component,
    )
