"""What is true of the object that an action would change, read just before it is judged. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ooda.common.approvals import Ground
from ooda.common.events import ActionRequest
from ooda.common.findings import Change
from ooda.common.known_good import (
    CONFIG_PARTS,
    KnownGoodSpec,
    last_good_config,
    last_good_service,
    last_good_template,
    workload_key,
)
from ooda.common.modes import MODE_LABEL, mode_of
from ooda.common.ownership import owner_of
from ooda.common.plans import Basis
from ooda.common.targets import NodeTarget, WorkloadTarget
from ooda.common.taxonomy import Mode

CONFIG_PATH = "configmap/"
"""How the paths of a change begin that is one of a ConfigMap; its name and part follow."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The object and its namespace as they are now."""

    mode: Mode
    exists: bool = False
    opted_in: bool = True
    """Whether the namespace has a label that says a mode; the API server holds the actor to it."""
    owner: str | None = None
    """Who would change the object back: a deployment tool or an operator."""
    autoscaler: str | None = None
    """The HorizontalPodAutoscaler that sets its replicas."""
    replicas: int | None = None
    """What it asks for; None for a kind that has none, such as a DaemonSet."""
    known_replicas: int | None = None
    known_template: bool = False
    memory_limited: bool = False
    """Whether a container of its template has a memory limit."""
    by_hand: bool = False
    """Whether it leaves its pods alone until somebody deletes them (``OnDelete``)."""
    schedulable: bool = False
    """Of a node: whether new pods may be put on it."""
    others_ready: bool = False
    """Of a node: whether at least half of all nodes are ready and take pods without it."""
    known_service: bool = False
    """Of a Service: whether it led elsewhere when it was known to be good."""
    config_map: str | None = None
    """The one ConfigMap that the blamed change names, if known good has another content of it."""
    config_map_owner: str | None = None
    """Who would change that one back."""
    ground: Ground | None = None
    """The objects that an action on it depends on."""
    instructions: str = ""
    """What a person can do about it by hand, where the agent may not."""

    def basis(self, request: ActionRequest) -> Basis | None:
        """Return what an approval of an action would be bound to, None if there is no object."""
        return self.ground.basis(request) if self.ground is not None else None

    def with_config_map(self, live: Mapping[str, Any], known: KnownGoodSpec | None) -> "Facts":
        """Return them with the ConfigMap that the blamed change names, as it is now."""
        name = str((live.get("metadata") or {}).get("name"))
        if known is None or last_good_config(known, name, live) is None:
            return self
        ground = replace(self.ground, config_map=live) if self.ground is not None else None
        return replace(self, config_map=name, config_map_owner=owner_of(live), ground=ground)


def facts_of(
    mode: Mode,
    target: WorkloadTarget,
    ground: Ground,
    autoscalers: Sequence[Mapping[str, Any]],
) -> Facts:
    """Put together what policy needs to know of a workload."""
    workload, known = ground.target, ground.known
    spec = workload.get("spec") or {}
    kind, name = target.workload_kind, target.name
    seen = known or KnownGoodSpec()
    recorded = seen.workloads.get(workload_key(kind, name))
    template = last_good_template(seen, kind, name, spec.get("template") or {})
    return Facts(
        mode=mode,
        exists=True,
        owner=owner_of(workload),
        autoscaler=_autoscaler_of(autoscalers, target),
        replicas=spec.get("replicas", None if kind == "DaemonSet" else 1),
        known_replicas=recorded.replicas if recorded else None,
        known_template=template is not None,
        memory_limited=_memory_limited(spec.get("template") or {}),
        by_hand=(spec.get("updateStrategy") or {}).get("type") == "OnDelete",
        ground=ground,
    )


def facts_of_node(target: NodeTarget, nodes: Sequence[Mapping[str, Any]]) -> Facts:
    """Put together what policy needs to know of a node; its own label says how far to go."""
    by_name = {(each.get("metadata") or {}).get("name"): each for each in nodes}
    node = by_name.pop(target.name, None)
    if node is None:
        return Facts(Mode.PROPOSE)
    ready = sum(_takes_pods(each) for each in by_name.values())
    return Facts(
        mode=mode_of(_labels(node)),
        exists=True,
        opted_in=MODE_LABEL in _labels(node),
        schedulable=not (node.get("spec") or {}).get("unschedulable"),
        others_ready=2 * ready >= len(nodes),
        ground=Ground(node),
    )


def _takes_pods(node: Mapping[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(e.get("type") == "Ready" and e.get("status") == "True" for e in conditions)
    return ready and not (node.get("spec") or {}).get("unschedulable")


def facts_of_service(
    mode: Mode, name: str, service: Mapping[str, Any], known: KnownGoodSpec | None
) -> Facts:
    """Put together what policy needs to know of a Service."""
    good = last_good_service(known or KnownGoodSpec(), name, service.get("spec") or {})
    return Facts(
        mode=mode,
        exists=True,
        owner=owner_of(service),
        known_service=good is not None,
        ground=Ground(service, known),
    )


def config_map_named(change: Change | None, known: KnownGoodSpec | None) -> str | None:
    """Return the one ConfigMap with known good content that a change names; None if not one."""
    named = {
        name
        for name in (known.config_maps if known else ())
        for path in (change.fields if change else ())
        if path.startswith(tuple(f"{CONFIG_PATH}{name}.{part}" for part in CONFIG_PARTS))
    }
    return named.pop() if len(named) == 1 else None


def _autoscaler_of(autoscalers: Sequence[Mapping[str, Any]], target: WorkloadTarget) -> str | None:
    for each in autoscalers:
        scaled = (each.get("spec") or {}).get("scaleTargetRef") or {}
        if (scaled.get("kind"), scaled.get("name")) == (target.workload_kind, target.name):
            return str((each.get("metadata") or {}).get("name"))
    return None


def _memory_limited(template: Mapping[str, Any]) -> bool:
    spec = template.get("spec") or {}
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    return any("memory" in ((e.get("resources") or {}).get("limits") or {}) for e in containers)


def _labels(object_: Mapping[str, Any]) -> Mapping[str, Any]:
    return (object_.get("metadata") or {}).get("labels") or {}
