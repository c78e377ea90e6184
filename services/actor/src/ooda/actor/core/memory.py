"""By how much a memory limit is raised, and what forbids it. Pure.

The step and the cap are choices (``docs/adr/0012``): half as much again is what gives a workload
room without hiding a leak for long, and four times what was known to be good is no longer the same
workload. What does not fit whole is not done in part: a smaller step would buy minutes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ooda.actor.core.pointers import pointer, value_at
from ooda.common.cluster.interface import Object
from ooda.common.plans import MEMORY_LIMIT, FieldChange
from ooda.common.quantities import MIB, bytes_of, in_mebibytes

FACTOR = 1.5
CAP = 4
"""Times the smallest limit that is recorded as known good."""

OOM = "OOMKilled"

_LISTS = (
    ("containers", "containerStatuses"),
    ("initContainers", "initContainerStatuses"),
)


@dataclass(frozen=True, slots=True)
class Room:
    """What the node and the namespace leave."""

    node: Object | None = None
    """The node that the pod which shows the failure runs on."""
    limit_ranges: Sequence[Object] = ()
    quotas: Sequence[Object] = ()


@dataclass(frozen=True, slots=True)
class Raise:
    """A new limit, and whether the old one was ever healthy."""

    change: FieldChange
    was_good: bool


def raised(
    workload: Object, pod: Object, known: Sequence[Mapping[str, Any]], room: Room
) -> Raise | str:
    """Return the change of the template's limit for the container that was killed, or why not.

    ``known`` are the templates that were healthy, oldest first.
    """
    killed = next(_killed(pod), None)
    if killed is None:
        return "no container of the pod was killed for memory when it ended last"
    field, name = killed
    place = _place(value_at(workload, "/spec/template"), field, name)
    if place is None:
        return f"container {name} is not in the template"
    path = pointer("spec", "template", "spec", field, str(place)) + MEMORY_LIMIT
    before = value_at(workload, path)
    old = bytes_of(before)
    if old is None:
        return f"container {name} has no memory limit in the template"
    after = in_mebibytes(int(old * FACTOR))
    new = bytes_of(after) or old
    good = [size for each in known if (size := _limit(each, field, name)) is not None]
    forbidden = next(_forbidden(workload, name, old, new, good, room), None)
    if forbidden is not None:
        return f"{after} is more than {forbidden}"
    change = FieldChange(path=path, before=before, after=after)
    return Raise(change, was_good=bool(good) and good[-1] == old)


def _killed(pod: Object) -> Iterator[tuple[str, str]]:
    """Yield the list and the name of containers whose last end was a kill for memory."""
    for field, statuses in _LISTS:
        for each in value_at(pod, f"/status/{statuses}") or ():
            now = value_at(each, "/state/terminated")
            ended = now or value_at(each, "/lastState/terminated")
            if value_at(ended, "/reason") == OOM:
                yield field, str(value_at(each, "/name"))


def _place(template: Any, field: str, name: str) -> int | None:
    containers = value_at(template, f"/spec/{field}") or ()
    return next((i for i, each in enumerate(containers) if value_at(each, "/name") == name), None)


def _limit(template: Mapping[str, Any], field: str, name: str) -> int | None:
    place = _place(template, field, name)
    path = pointer("spec", field, str(place)) + MEMORY_LIMIT
    return None if place is None else bytes_of(value_at(template, path))


def _forbidden(
    workload: Object, name: str, old: int, new: int, good: Sequence[int], room: Room
) -> Iterator[str]:
    if good and new > CAP * min(good):
        yield f"{CAP} times {in_mebibytes(min(good))}, with which container {name} was healthy"
    allocatable = bytes_of(value_at(room.node, "/status/allocatable/memory"))
    if allocatable is None:
        yield "what is known of the node's memory, which could not be read"
    elif new > allocatable:
        yield f"the node has for pods, {in_mebibytes(allocatable)}"
    pod = _pod_limit(workload) - old + new
    for maximum, kind, size in _maxima(room.limit_ranges):
        if (pod if kind == "Pod" else new) > size:
            yield f"a LimitRange allows a {kind.lower()}, {maximum}"
    for quota, left in _left(room.quotas):
        needed = (new - old) * _pods(workload) + pod
        if needed > left:
            yield (
                f"quota {quota} leaves: {needed // MIB} MiB are needed, "
                f"{max(left, 0) // MIB} MiB are left"
            )


def _pod_limit(workload: Object) -> int:
    """Return the sum of the limits of a pod's containers, as a quota counts them."""
    containers = value_at(workload, "/spec/template/spec/containers") or ()
    return sum(bytes_of(value_at(each, MEMORY_LIMIT)) or 0 for each in containers)


def _pods(workload: Object) -> int:
    """Return how many pods will have the new limit."""
    wanted = value_at(workload, "/spec/replicas")
    nodes = value_at(workload, "/status/desiredNumberScheduled")
    return next((each for each in (wanted, nodes) if isinstance(each, int)), 1)


def _maxima(ranges: Sequence[Object]) -> Iterator[tuple[str, str, int]]:
    for each in ranges:
        for item in value_at(each, "/spec/limits") or ():
            written, kind = value_at(item, "/max/memory"), value_at(item, "/type")
            size = bytes_of(written)
            if kind in ("Container", "Pod") and size is not None:
                yield str(written), kind, size


def _left(quotas: Sequence[Object]) -> Iterator[tuple[str, int]]:
    """Yield what each quota on memory limits leaves.

    It needs room for the growth of all pods and for one more pod: a rolling update makes the first
    new one before an old one goes, and goes on with what that one gives back.
    """
    for each in quotas:
        hard = bytes_of(value_at(each, pointer("status", "hard", "limits.memory")))
        used = bytes_of(value_at(each, pointer("status", "used", "limits.memory"))) or 0
        if hard is not None:
            yield str(value_at(each, "/metadata/name")), hard - used
