"""Read from the cluster what policy has to know before it may choose an action."""

from dataclasses import replace

from pydantic import ValidationError

from ooda.common.approvals import Ground
from ooda.common.cluster.interface import ClusterReader, NotFound, Object, Refused, Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.known_good import CATALOG, KnownGoodSpec
from ooda.common.modes import MODE_LABEL, mode_of
from ooda.common.permissions import by_name
from ooda.common.targets import (
    NodeTarget,
    ServiceAccountTarget,
    ServiceTarget,
    WorkloadTarget,
    namespace_of,
)
from ooda.common.taxonomy import Mode
from ooda.decider.core.facts import (
    Facts,
    config_map_named,
    facts_of,
    facts_of_node,
    facts_of_service,
)
from ooda.decider.core.record import Incident
from ooda.decider.core.restoring import Grants, instructions

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
        facts = await _look_at(reader, mode, record)
        return replace(facts, opted_in=labels.get(MODE_LABEL) == mode)
    except (NotFound, Refused):
        return Facts(mode)
    except Unavailable:
        return None


async def _look_at(reader: ClusterReader, mode: Mode, record: Incident) -> Facts:
    diagnosis = record.diagnosis
    match diagnosis.component if diagnosis else None:
        case ServiceTarget(namespace=namespace, name=name):
            service = await reader.get(Kind.SERVICE, namespace, name)
            return facts_of_service(mode, name, service, await _known(reader, namespace))
        case ServiceAccountTarget() as account:
            return await _look_at_account(reader, mode, account)
        case WorkloadTarget(namespace=namespace) as target if target.workload_kind in _ACTIONABLE:
            kind = _ACTIONABLE[target.workload_kind]
            workload = await reader.get(kind, namespace, target.name)
            autoscalers = await reader.list(Kind.HORIZONTAL_POD_AUTOSCALER, namespace)
            known = await _known(reader, namespace)
            pod = await _pod(reader, namespace, record.pod)
            facts = facts_of(mode, target, Ground(workload, known, pod), autoscalers)
            named = config_map_named(diagnosis.change if diagnosis else None, known)
            return await _with_config_map(reader, facts, namespace, named, known)
        case _:
            return Facts(mode)


async def _look_at_account(
    reader: ClusterReader, mode: Mode, account: ServiceAccountTarget
) -> Facts:
    known = await _known(reader, account.namespace)
    good = known.service_accounts.get(account.name) if known is not None else None
    grants = Grants(
        by_name(await reader.list(Kind.ROLE, account.namespace)),
        by_name(await reader.list(Kind.ROLE_BINDING, account.namespace)),
    )
    return Facts(mode, instructions=instructions(account, good, grants))


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


async def _with_config_map(
    reader: ClusterReader,
    facts: Facts,
    namespace: str,
    name: str | None,
    known: KnownGoodSpec | None,
) -> Facts:
    if name is None:
        return facts
    try:
        return facts.with_config_map(await reader.get(Kind.CONFIG_MAP, namespace, name), known)
    except (NotFound, Refused):
        return facts


async def _known(reader: ClusterReader, namespace: str) -> KnownGoodSpec | None:
    try:
        catalogue: Object = await reader.get(Kind.KNOWN_GOOD, namespace, CATALOG)
        return KnownGoodSpec.model_validate(catalogue.get("spec") or {})
    except (NotFound, ValidationError):
        return None
