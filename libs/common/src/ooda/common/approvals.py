"""What an approval is bound to: the same for who asks, who decides and who writes. Pure.

A person approves one action on one state of its object. The state is what the action depends on
and what it would bring about: the object's UID, its ``spec``, what is known to be good of it, the
pod or the ConfigMap that the action names. What changes by itself is left out: status, metadata,
the time at which it was healthy, the taints of a node, and the number of replicas, which
autoscalers change, unless it is what is changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ooda.common.events import ActionRequest
from ooda.common.known_good import CONFIG_PARTS, KnownGoodSpec, workload_key
from ooda.common.plans import CONFIG_MAP_PARAMETER, POD_PARAMETER, Basis
from ooda.common.targets import NodeTarget, ServiceTarget, WorkloadTarget
from ooda.common.taxonomy import ActionKind


@dataclass(frozen=True, slots=True)
class Ground:
    """The live objects that an action depends on."""

    target: Mapping[str, Any]
    """The workload, the Service or the node that the action is on."""
    known: KnownGoodSpec | None = None
    pod: Mapping[str, Any] | None = None
    """The pod that shows the failure; it counts only where the action names it."""
    config_map: Mapping[str, Any] | None = None
    """The ConfigMap that the blamed change is in; it counts only where the action names it."""

    def basis(self, request: ActionRequest) -> Basis | None:
        """Return what an approval of an action holds for; None if the object has no identity."""
        uid = _uid(self.target)
        if uid is None or not isinstance(
            request.target, WorkloadTarget | ServiceTarget | NodeTarget
        ):
            return None
        ground = {
            "spec": _spec(self.target, request.action),
            **_good(self.known or KnownGoodSpec(), request),
            "pod": _uid(self.pod) if POD_PARAMETER in request.parameters else None,
            "config_map": self._config_map(request),
        }
        text = json.dumps(ground, sort_keys=True, separators=(",", ":"))
        return Basis(uid=uid, digest=hashlib.sha256(text.encode()).hexdigest())

    def _config_map(self, request: ActionRequest) -> Mapping[str, Any] | None:
        if CONFIG_MAP_PARAMETER not in request.parameters:
            return None
        live = self.config_map or {}
        return {"uid": _uid(live), **{part: live.get(part) for part in CONFIG_PARTS}}


def _good(known: KnownGoodSpec, request: ActionRequest) -> Mapping[str, Any]:
    """Return what is known to be good of all that the action touches."""
    good: dict[str, Any] = {}
    match request.target:
        case WorkloadTarget(workload_kind=kind, name=name):
            workload = known.workloads.get(workload_key(kind, name))
            good["templates"] = workload.templates if workload else None
            good["replicas"] = workload.replicas if workload else None
        case ServiceTarget(name=name):
            good["services"] = known.services.get(name)
    if CONFIG_MAP_PARAMETER in request.parameters:
        good["config_maps"] = known.config_maps.get(request.parameters[CONFIG_MAP_PARAMETER])
    return good


def _spec(target: Mapping[str, Any], action: ActionKind) -> Mapping[str, Any]:
    spec = target.get("spec") or {}
    if action is ActionKind.CORDON_NODE:
        return {"unschedulable": bool(spec.get("unschedulable"))}
    if action is ActionKind.SCALE_TO_KNOWN_GOOD:
        return dict(spec)
    return {key: value for key, value in spec.items() if key != "replicas"}


def _uid(live: Mapping[str, Any] | None) -> str | None:
    uid = ((live or {}).get("metadata") or {}).get("uid")
    return None if uid is None else str(uid)


def same_action(one: ActionRequest, other: ActionRequest) -> bool:
    """Tell whether two requests ask for the same thing; each attempt has ids of its own."""

    def matter(request: ActionRequest) -> tuple[object, ...]:
        return request.action, request.target, request.risk, dict(request.parameters)

    return matter(one) == matter(other)
