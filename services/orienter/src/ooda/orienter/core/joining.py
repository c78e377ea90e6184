"""Which anomalies belong to one cause. Pure.

The rules are those of ``docs/diagnosis.md``: same component, a shared owner or Service, a call edge
whose direction fits, the same node; onset close to the incident's.
"""

import datetime as dt

from ooda.common.targets import NamespaceTarget, NodeTarget, Target
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Incident, Member
from ooda.orienter.core.weights import JoinWeights


def belongs(new: Member, incident: Incident, graph: Graph, weights: JoinWeights) -> bool:
    """Return whether an anomaly belongs to an open incident.

    The same component does so whenever it is: a second incident, and with it a second action on
    one component at the same time, makes no sense. Everything else has to begin close to it.
    """
    if new.component in incident.components:
        return True
    if any(_of_lost_node(new, member, weights) for member in incident.members):
        return True
    if abs(new.since - incident.onset) > dt.timedelta(seconds=weights.onset_seconds):
        return False
    return any(_near(new, member, graph, weights) for member in incident.members)


def _near(new: Member, old: Member, graph: Graph, weights: JoinWeights) -> bool:
    return (
        bool(_relatives(new) & _relatives(old))
        or _called(new, old, graph, weights)
        or _called(old, new, graph, weights)
        or _same_node(new, old, weights)
    )


def _relatives(member: Member) -> set[Target]:
    """Owners and Services; a node or a namespace is shared by things that are not related."""
    everything = {member.target, member.component, *member.related}
    return {each for each in everything if not isinstance(each, NodeTarget | NamespaceTarget)}


def _called(server: Member, client: Member, graph: Graph, weights: JoinWeights) -> bool:
    """Return whether one may suffer from the other: the callee first, or not much later."""
    late = server.since - client.since
    return graph.calls(client.component, server.component) and late <= dt.timedelta(
        seconds=weights.call_seconds
    )


def _same_node(new: Member, old: Member, weights: JoinWeights) -> bool:
    names = {_node(new, weights), _node(old, weights)}
    return len(names) == 1 and None not in names


def _of_lost_node(new: Member, old: Member, weights: JoinWeights) -> bool:
    """Return whether one is a node that fell silent, and the other happened on it after that."""
    node, other = (new, old) if isinstance(new.target, NodeTarget) else (old, new)
    if not isinstance(node.target, NodeTarget) or node.cleared:
        return False
    if other.signal not in weights.lost_node_signals or other.node != node.target.name:
        return False
    late = (other.since - node.since).total_seconds()
    return -weights.onset_seconds <= late <= weights.lost_node_seconds


def _node(member: Member, weights: JoinWeights) -> str | None:
    if isinstance(member.target, NodeTarget):
        return member.target.name
    return member.node if member.signal in weights.node_signals else None
