"""What an approval is bound to: the same for who asks, who decides and who writes. Pure.

A person approves one action on one state of its object. The state is what the action depends on
and what it would bring about: the object's UID, its ``spec``, what is known to be good of it, the
pod that the action names. What changes by itself is left out: status, metadata, the time at which
it was healthy, and the number of replicas, which autoscalers change, unless it is what is changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ooda.common.events import ActionRequest
from ooda.common.known_good import KnownGoodSpec, workload_key
from ooda.common.plans import POD_PARAMETER, Basis
from ooda.common.targets import WorkloadTarget
from ooda.common.taxonomy import ActionKind


@dataclass(frozen=True, slots=True)
class Ground:
    """The live objects that an action on a workload depends on."""

    workload: Mapping[str, Any]
    known: KnownGoodSpec | None
    pod: Mapping[str, Any] | None
    """The pod that shows the failure; it counts only where the action names it."""

    def basis(self, request: ActionRequest) -> Basis | None:
        """Return what an approval of an action holds for; None if the object has no identity."""
        uid = _uid(self.workload)
        if uid is None or not isinstance(request.target, WorkloadTarget):
            return None
        known = (self.known or KnownGoodSpec()).workloads.get(
            workload_key(request.target.workload_kind, request.target.name)
        )
        ground = {
            "spec": _spec(self.workload, request.action),
            "templates": known.templates if known else None,
            "replicas": known.replicas if known else None,
            "pod": _uid(self.pod) if POD_PARAMETER in request.parameters else None,
        }
        text = json.dumps(ground, sort_keys=True, separators=(",", ":"))
        return Basis(uid=uid, digest=hashlib.sha256(text.encode()).hexdigest())


def _spec(workload: Mapping[str, Any], action: ActionKind) -> Mapping[str, Any]:
    spec = workload.get("spec") or {}
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
