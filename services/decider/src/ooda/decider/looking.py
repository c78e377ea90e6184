"""Read from the cluster what policy has to know before it may choose an action."""

from dataclasses import replace

from pydantic import ValidationError

from ooda.common.approvals import Ground
from ooda.common.cluster.interface import ClusterReader, NotFound, Object, Refused, Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.known_good import CATALOG, KnownGoodSpec
from ooda.common.modes import MODE_LABEL, mode_of
from ooda.common.targets import NodeTarget, WorkloadTarget, namespace_of
from ooda.common.taxonomy import Mode
from ooda.decider.core.facts import Facts, facts_of, facts_of_node
from ooda.decider.core.record import Incident

_ACTIONABLE = {str(each): each for each in (Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET)}


async def look(reader: ClusterReader, record: Incident) -> Facts | None:
    """Return the facts; None if the API server is away: then nothing may be judged.

    What is not there, or may not be read, is not known: the facts then allow no action.
    """
    component = record.diagnosis.component if record.diagnosis else None
    if isinstance(component, NodeTarget):
        return await _look_at_node(reader, component)
    namespace = namespace_of(component) if component is not None else record.namespace
    if namespace is None:
        return Facts(Mode.PROPOSE)
    mode = Mode.PROPOSE
    try:
        found = await reader.get(Kind.NAMESPACE, None, namespace)
        labels = (found.get("metadata") or {}).get("labels") or {}
        mode = mode_of(labels)
        if not isinstance(component, WorkloadTarget) or component.workload_kind not in _ACTIONABLE:
            return Facts(mode)
        kind = _ACTIONABLE[component.workload_kind]
        workload = await reader.get(kind, namespace, component.name)
        autoscalers = await reader.list(Kind.HORIZONTAL_POD_AUTOSCALER, namespace)
        pod = await _pod(reader, namespace, record.pod)
        ground = Ground(workload, await _known(reader, namespace), pod)
        facts = facts_of(mode, component, ground, autoscalers)
        return replace(facts, opted_in=labels.get(MODE_LABEL) == mode)
    except (NotFound, Refused):
        return Facts(mode)
    except Unavailable:
        return None


async def _look_at_node(reader: ClusterReader, node: NodeTarget) -> Facts | None:
    try:
        return facts_of_node(node, await reader.list(Kind.NODE, None))
    except (NotFound, Refused):
        return Facts(Mode.PROPOSE)
    except Unavailable:
        return None


async def _pod(reader: ClusterReader, namespace: str, name: str | None) -> Object | None:
    try:
        return await reader.get(Kind.POD, namespace, name) if name is not None else None
    except NotFound:
        return None


async def _known(reader: ClusterReader, namespace: str) -> KnownGoodSpec | None:
    try:
        catalogue: Object = await reader.get(Kind.KNOWN_GOOD, namespace, CATALOG)
        return KnownGoodSpec.model_validate(catalogue.get("spec") or {})
    except (NotFound, ValidationError):
        return None
