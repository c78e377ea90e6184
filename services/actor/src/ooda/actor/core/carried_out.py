"""Whether the kubelet did to running pods what the API server accepted for them. Pure.

It says so itself: the condition ``PodResizePending`` while it cannot or does not want to, and
``resources`` of a container's status for what is in force (Kubernetes: Resize CPU and Memory
Resources assigned to Containers).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from ooda.actor.core.pointers import value_at
from ooda.actor.core.record import ActionRecord
from ooda.actor.core.verification import Bad, Blind
from ooda.common.cluster.interface import Object
from ooda.common.plans import MEMORY_LIMIT, ResizeStep
from ooda.common.quantities import bytes_of

PATIENCE = dt.timedelta(seconds=60)
"""How long the kubelet may take. It took seconds where it was measured; what it puts off it tries
again later, when nobody may be waiting for it any more. A choice."""

INFEASIBLE = "Infeasible"


@dataclass(frozen=True, slots=True)
class Vain:
    """What was written will not take effect; it says nothing for or against the diagnosis."""

    reason: str


def carried_out(
    record: ActionRecord, pods: Sequence[Object | None] | None, now: dt.datetime
) -> Vain | Bad | Blind | None:
    """Judge the pods of the steps that resize one, in their order; None: nothing is missing.

    ``pods`` is None if they could not be read. One that is gone is not waited for.
    """
    steps = [each for each in record.steps if isinstance(each, ResizeStep)]
    if not steps:
        return None
    if pods is None:
        return Blind("The pods that were resized could not be read.")
    there = [
        (step, pod)
        for step, pod in zip(steps, pods, strict=True)
        if pod is not None and value_at(pod, "/metadata/uid") == step.object.uid
    ]
    if not there:
        return Vain("No pod that was resized is there any more.")
    ended = [step.object.name for step, pod in there if _restarts(step, pod) > step.restarts]
    if ended:
        # Whether it was killed at the new limit or at its pod's old one nobody can tell.
        return Vain(f"A container that was resized ended all the same: {', '.join(ended)}.")
    missing = [(step, pod) for step, pod in there if not _in_force(step, pod)]
    return _waited(record, missing, now) if missing else None


def _waited(
    record: ActionRecord, missing: Sequence[tuple[ResizeStep, Object]], now: dt.datetime
) -> Vain | Bad:
    names = ", ".join(step.object.name for step, _ in missing)
    if any(_pending(pod) == INFEASIBLE for _, pod in missing):
        return Vain(f"The kubelet cannot resize in place ({INFEASIBLE}): {names}.")
    if record.written_at is not None and now >= record.written_at + PATIENCE:
        return Vain(f"The kubelet did not resize within {PATIENCE.total_seconds():.0f} s: {names}.")
    return Bad(f"The kubelet has not resized yet: {names}.")


def _status(step: ResizeStep, pod: Object) -> Object | None:
    statuses = [
        *(value_at(pod, "/status/containerStatuses") or ()),
        *(value_at(pod, "/status/initContainerStatuses") or ()),
    ]
    return next((each for each in statuses if value_at(each, "/name") == step.container), None)


def _restarts(step: ResizeStep, pod: Object) -> int:
    found = value_at(_status(step, pod), "/restartCount")
    return found if isinstance(found, int) else 0


def _in_force(step: ResizeStep, pod: Object) -> bool:
    actual = bytes_of(value_at(_status(step, pod), MEMORY_LIMIT))
    return all(bytes_of(each.after) == actual for each in step.changes)


def _pending(pod: Object) -> str | None:
    for each in value_at(pod, "/status/conditions") or ():
        if value_at(each, "/type") == "PodResizePending" and value_at(each, "/status") == "True":
            return str(value_at(each, "/reason"))
    return None
