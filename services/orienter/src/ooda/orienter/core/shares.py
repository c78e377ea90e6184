"""What several components depend on, so that its failure is one cause for all of them. Pure.

A ConfigMap or a Role that is not as it was when it was good, a quota that is used up. Text of the
cluster only says here what belongs together; it chooses no action.
"""

import re
from collections.abc import Sequence

from ooda.common.events import AnomalyFlagged
from ooda.common.findings import Change
from ooda.common.known_good import CONFIG_PARTS
from ooda.common.permissions import ROLE, ROLE_BINDING
from ooda.common.targets import Target
from ooda.common.taxonomy import FailureClass, Signal
from ooda.orienter.core.graph import Graph
from ooda.orienter.core.records import Member

CONFIG_MAP, QUOTA = "ConfigMap", "ResourceQuota"
CHANGED_CONFIG_MAPS = "changed_config_maps"
"""What the observer saw: those that the pod uses and that differ from what was known to be good."""
CHANGED_GRANTS = "changed_grants"
"""What the observer saw: Roles and RoleBindings of an account that are not as they were."""
_GRANTS = {ROLE: "Role", ROLE_BINDING: "RoleBinding"}
"""How a share of each of them begins, by how it begins among the fields of a change."""
UNSCHEDULABLE = "Unschedulable"
SHARES_LIMIT = 8
_BY_CONFIG = (Signal.CRASH_LOOP, Signal.CONTAINER_STUCK)
"""Signals that the content of a ConfigMap can be the cause of."""
_DENIED = re.compile(r"exceeded quota: (?P<name>[a-z0-9.-]{1,253}),")
"""As the API server's quota admission has it."""


def shares_of(event: AnomalyFlagged) -> tuple[str, ...]:
    """Return what others would suffer from as well, as far as the anomaly tells."""
    place = event.namespace or ""
    denied = _DENIED.search(event.observed.get("message", ""))
    if denied is not None:
        return (f"{QUOTA} {place}/{denied['name']}",)
    if event.signal is Signal.ACCESS_DENIED:
        changed = event.observed.get(CHANGED_GRANTS, "").split(", ")[:SHARES_LIMIT]
        parts = [each.partition("/") for each in changed]
        return tuple(
            f"{_GRANTS[kind]} {place}/{name}" for kind, _, name in parts if kind in _GRANTS
        )
    if event.signal not in _BY_CONFIG or event.observed.get("reason") == UNSCHEDULABLE:
        return ()
    names = event.observed.get(CHANGED_CONFIG_MAPS, "").split(", ")[:SHARES_LIMIT]
    return tuple(f"{CONFIG_MAP} {place}/{each}" for each in names if each)


def cause_of(
    failure_class: FailureClass,
    component: Target,
    blamed: Change | None,
    anomalies: Sequence[Member],
    graph: Graph,
) -> str | None:
    """Return what a hypothesis blames that others share; None if it is the component's own."""
    shares = dict.fromkeys(
        each
        for member in anomalies
        if graph.component(member.target) == component
        for each in member.shares
    )
    if failure_class is FailureClass.QUOTA_EXCEEDED:
        return next((each for each in shares if each.startswith(QUOTA)), None)
    fields = blamed.fields if blamed is not None else ()
    return next((each for each in shares if fields and _is_all_of(each, fields)), None)


def _is_all_of(share: str, fields: Sequence[str]) -> bool:
    """Return whether all that is blamed is of this ConfigMap, or is this Role or RoleBinding."""
    kind, _, place = share.partition(" ")
    name = place.partition("/")[2]
    if kind == CONFIG_MAP:
        paths = tuple(f"configmap/{name}.{part}" for part in CONFIG_PARTS)
        return all(each.startswith(paths) for each in fields)
    return any(kind == grant and set(fields) == {f"{of}/{name}"} for of, grant in _GRANTS.items())
