"""Which anomalies belong to one cause. Pure.

The rules are those of ``docs/diagnosis.md``: same component, one the other's owner or Service, a
call edge whose direction fits, the same node, the same ConfigMap or quota; onset close to the
incident's.
"""

import datetime as dt

from ooda.common.targets import NamespaceTarget, NodeTarget, Target
from ooda.common.taxonomy import Signal
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Incident, Member
from ooda.orienter.core.shares import QUOTA, UNSCHEDULABLE
from ooda.orienter.core.weights import JoinWeights

DELETED = "deleted"
"""The reason of a pod that was lost because somebody deleted it by the API."""

NOT_READY = "NotReady"
"""The reason of a container that runs and does not become ready."""


def belongs(new: Member, incident: Incident, graph: Graph, weights: JoinWeights) -> bool:
    """Return whether an anomaly belongs to an open incident.

    The same component does so whenever it is: a second incident, and with it a second action on
    one component at the same time, makes no sense. So does who is denied something by a quota that
    somebody is still denied something by. Everything else has to begin close to it.
    """
    if new.component in incident.components:
        return True
    if any(
        _of_lost_node(new, member, graph, weights) or _of_one_quota(new, member)
        for member in incident.members
    ):
        return True
    if abs(new.since - incident.onset) > dt.timedelta(seconds=weights.onset_seconds):
        return False
    return any(_near(new, member, graph, weights) for member in incident.members)


def _near(new: Member, old: Member, graph: Graph, weights: JoinWeights) -> bool:
    return (
        _akin(new, old)
        or _called(new, old, graph, weights)
        or _called(old, new, graph, weights)
        or _same_node(new, old, weights)
        or not set(new.shares).isdisjoint(old.shares)
    )


def _akin(one: Member, other: Member) -> bool:
    """Return whether one is the other's owner, pod or Service.

    Two workloads behind one Service are not: neither is how the other could fail.
    """
    return bool(_itself(one) & (_itself(other) | _related(other)) or _itself(other) & _related(one))


def _itself(member: Member) -> set[Target]:
    return {member.target, member.component} - _places(member.target, member.component)


def _related(member: Member) -> set[Target]:
    return set(member.related) - _places(*member.related)


def _places(*targets: Target) -> set[Target]:
    """Nodes and namespaces: things that are not related share them."""
    return {each for each in targets if isinstance(each, NodeTarget | NamespaceTarget)}


def _called(server: Member, client: Member, graph: Graph, weights: JoinWeights) -> bool:
    """Return whether one may suffer from the other: the callee first, or not much later.

    What the cluster explains by the client's own image, memory or content is not a callee's doing.
    """
    suffers = client.signal in weights.call_signals and (
        client.signal is not Signal.CONTAINER_STUCK or client.reason in ("", NOT_READY)
    )
    late = server.since - client.since
    return (
        suffers
        and graph.calls(client.component, server.component)
        and late <= dt.timedelta(seconds=weights.call_seconds)
    )


def _same_node(new: Member, old: Member, weights: JoinWeights) -> bool:
    names = {_node(new, weights), _node(old, weights)}
    return len(names) == 1 and None not in names


def _of_lost_node(new: Member, old: Member, graph: Graph, weights: JoinWeights) -> bool:
    """Return whether one is a node that fell silent, and the other happened on it after that.

    A pod that finds no place may be the successor of one that was on it.
    """
    node, other = (new, old) if isinstance(new.target, NodeTarget) else (old, new)
    if not isinstance(node.target, NodeTarget) or node.cleared:
        return False
    homeless = other.reason == UNSCHEDULABLE and node.target in graph.nodes_of(other.component)
    if other.signal not in weights.lost_node_signals or not (
        homeless or other.node == node.target.name
    ):
        return False
    late = (other.since - node.since).total_seconds()
    return -weights.onset_seconds <= late <= weights.lost_node_seconds


def _of_one_quota(new: Member, old: Member) -> bool:
    shared = set(new.shares) & set(old.shares)
    return not old.cleared and any(each.startswith(QUOTA) for each in shared)


def _node(member: Member, weights: JoinWeights) -> str | None:
    if isinstance(member.target, NodeTarget):
        return member.target.name
    by_node = member.signal in weights.node_signals and member.reason != DELETED
    return member.node if by_node else None
