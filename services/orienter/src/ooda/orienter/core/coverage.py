"""Which open anomalies a hypothesis explains. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from ooda.common.targets import NodeTarget, PodTarget, Target
from ooda.common.taxonomy import FailureClass
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Member
from ooda.orienter.core.shares import UNSCHEDULABLE
from ooda.orienter.core.weights import Explains, Weights


def unexplained(
    failure_class: FailureClass,
    component: Target,
    anomalies: Sequence[Member],
    graph: Graph,
    weights: Weights,
    cause: str | None = None,
) -> tuple[str, ...]:
    """Return the ids of the anomalies that this class on this component does not account for.

    Effects travel along calls, from the server to everybody who depends on it, never back: a
    server that is down explains its callers, and a caller that is down does not explain it. A cause
    that others share has the same effects on them as on the component.
    """
    explains = weights.classes[failure_class].explains
    struck = {component} | {
        graph.component(each.target) for each in anomalies if cause in each.shares
    }
    return tuple(
        anomaly.anomaly_id
        for anomaly in anomalies
        if not _explained(explains, component, struck, anomaly, graph)
    )


def _explained(
    explains: Explains,
    component: Target,
    struck: AbstractSet[Target],
    anomaly: Member,
    graph: Graph,
) -> bool:
    where = graph.component(anomaly.target)
    if where in struck and anomaly.signal in explains.here:
        return True
    if anomaly.signal in explains.callers and graph.depends_on(where, component):
        return True
    return anomaly.signal in explains.placed and _placed(anomaly, component, graph)


def _placed(anomaly: Member, component: Target, graph: Graph) -> bool:
    if not isinstance(component, NodeTarget):
        return False
    if anomaly.node == component.name:
        return True
    placed = component in graph.nodes_of(anomaly.target)
    # A pod of its own is there; of a workload only one that finds no place may be the successor of
    # one that was.
    return placed and (isinstance(anomaly.target, PodTarget) or anomaly.reason == UNSCHEDULABLE)
