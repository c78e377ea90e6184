"""A memory limit raised in the pods that run, without replacing them: whether, and in which. Pure.

Whether the cluster can is asked of it in a dry run; this only says where it would be right
(``docs/adr/0015``). Raised are the pod that was killed and those that its controller made like it:
they have the same limit and the same load, and a limit that grows restarts nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ooda.actor.core.memory import (
    FACTOR,
    Growth,
    Room,
    forbidden,
    good_limits,
    killed_container,
    limit_of,
    place_of,
    pod_limit,
)
from ooda.actor.core.owners import owner_uid
from ooda.actor.core.pointers import pointer, value_at
from ooda.common.cluster.interface import Object
from ooda.common.plans import MEMORY_LIMIT, FieldChange
from ooda.common.quantities import bytes_of, in_mebibytes

MOST = 10
"""Pods that are raised at once; of more, the pace is better left to a rollout. A choice."""

_STARTS = ("ContainerCreating", "PodInitializing")
_STATUSES = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A pod, with the node that it runs on; None if that could not be read."""

    pod: Object
    node: Object | None = None


@dataclass(frozen=True, slots=True)
class Resize:
    """The change of one pod, and how often its container had been started again by then."""

    pod: Object
    container: str
    change: FieldChange
    restarts: int


@dataclass(frozen=True, slots=True)
class InPlace:
    """The pods to change, and whether the old limit was ever healthy."""

    resizes: tuple[Resize, ...]
    was_good: bool


@dataclass(frozen=True, slots=True)
class Starting:
    """Not now: a container that has just ended is about to run again."""

    reason: str


def in_place(
    shown: Placed, others: Sequence[Placed], known: Sequence[Mapping[str, Any]], room: Room
) -> InPlace | Starting | str:
    """Return what to raise in the pods that run, or why that is not the way.

    ``shown`` is the pod that was killed, ``others`` may be any pods; ``known`` are the templates
    that were healthy, oldest first.
    """
    found = killed_container(shown.pod)
    if found is None:
        return "no container of the pod was killed for memory when it ended last"
    field, name = found
    before = limit_of(shown.pod, field, name)
    if before is None:
        return f"container {name} has no memory limit of its own"
    alike = [each for each in others if _alike(each.pod, shown.pod, field, name, before)]
    pods = [shown, *alike]
    unfit = next(_unfit([each.pod for each in pods], field, name), None)
    if unfit is not None:
        return unfit
    after = in_mebibytes(int(before * FACTOR))
    new = bytes_of(after) or before
    good = good_limits(known, field, name)
    growth = Growth(
        container=name,
        new=new,
        pod=max(pod_limit(each.pod) for each in pods) - before + new,
        in_all=(new - before) * len(pods),
    )
    reason = next(forbidden(growth, good, [each.node for each in pods], room), None)
    if reason is not None:
        return f"{after} is more than {reason}"
    resizes = tuple(_resize(each.pod, field, name, after) for each in pods)
    return InPlace(resizes, was_good=bool(good) and good[-1] == before)


def _unfit(pods: Sequence[Object], field: str, name: str) -> Iterator[str | Starting]:
    container = value_at(pods[0], f"/spec/{field}/{place_of(pods[0], field, name)}")
    for each in value_at(container, "/resizePolicy") or ():
        if value_at(each, "/resourceName") == "memory" and (
            value_at(each, "/restartPolicy") != "NotRequired"
        ):
            yield f"container {name} is restarted when its memory limit changes"
    if len(pods) > MOST:
        yield f"{len(pods)} pods have this limit, and {MOST} are raised at once at most"
    for each in pods:
        status = _status(each, field, name)
        place = f"container {name} of pod {value_at(each, '/metadata/name')}"
        if value_at(status, "/state/running") is not None:
            continue
        # The kubelet raises the cgroup of a pod only together with a container that runs: one that
        # starts later is still killed at the old limit of its pod (docs/adr/0015).
        yield Starting(f"{place} is about to run") if _starts(status) else f"{place} does not run"


def _status(pod: Object, field: str, name: str) -> Object | None:
    statuses = value_at(pod, f"/status/{_STATUSES[field]}") or ()
    return next((each for each in statuses if value_at(each, "/name") == name), None)


def _starts(status: Object | None) -> bool:
    """Return whether the kubelet starts a container without letting it wait."""
    waits = value_at(status, "/state/waiting/reason")
    return value_at(status, "/state/terminated") is not None or waits in _STARTS


def _alike(pod: Object, shown: Object, field: str, name: str, limit: int) -> bool:
    return (
        value_at(pod, "/metadata/uid") != value_at(shown, "/metadata/uid")
        and owner_uid(pod) == owner_uid(shown)
        and value_at(pod, "/metadata/deletionTimestamp") is None
        and value_at(pod, "/spec/nodeName") is not None
        and limit_of(pod, field, name) == limit
    )


def _resize(pod: Object, field: str, name: str, after: str) -> Resize:
    path = pointer("spec", field, str(place_of(pod, field, name))) + MEMORY_LIMIT
    change = FieldChange(path=path, before=value_at(pod, path), after=after)
    restarts = value_at(_status(pod, field, name), "/restartCount")
    return Resize(pod, name, change, restarts if isinstance(restarts, int) else 0)
