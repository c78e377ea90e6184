"""By how much a memory limit is raised, and what forbids it. Pure.

The step and the cap are choices (``docs/adr/0015``): half as much again is what gives a workload
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
class Growth:
    """What a raise asks for, in bytes."""

    container: str
    new: int
    """The container's new limit."""
    pod: int
    """The limit of a whole pod after it."""
    in_all: int
    """What a quota has to leave for it."""


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
    killed = killed_container(pod)
    if killed is None:
        return "no container of the pod was killed for memory when it ended last"
    field, name = killed
    template = value_at(workload, "/spec/template")
    place = place_of(template, field, name)
    if place is None:
        return f"container {name} is not in the template"
    path = pointer("spec", "template", "spec", field, str(place)) + MEMORY_LIMIT
    before = value_at(workload, path)
    old = bytes_of(before)
    if old is None:
        return f"container {name} has no memory limit in the template"
    # More than what the killed one had, which may be more than the template says.
    after = in_mebibytes(int(max(old, _in_force(pod, name) or 0) * FACTOR))
    new = bytes_of(after) or old
    good = good_limits(known, field, name)
    one = pod_limit(template) - old + new
    # A rolling update makes the first new pod before an old one goes, and goes on with what that
    # one gives back.
    growth = Growth(name, new, pod=one, in_all=(new - old) * _pods(workload) + one)
    reason = next(forbidden(growth, good, [room.node], room), None)
    if reason is not None:
        return f"{after} is more than {reason}"
    change = FieldChange(path=path, before=before, after=after)
    return Raise(change, was_good=bool(good) and good[-1] == old)


def killed_container(pod: Object) -> tuple[str, str] | None:
    """Return the list and the name of the first container that was killed for memory last."""
    for field, statuses in _LISTS:
        for each in value_at(pod, f"/status/{statuses}") or ():
            now = value_at(each, "/state/terminated")
            ended = now or value_at(each, "/lastState/terminated")
            if value_at(ended, "/reason") == OOM:
                return field, str(value_at(each, "/name"))
    return None


def place_of(template: Any, field: str, name: str) -> int | None:
    """Return where a container is in a list of a pod or of its template, None if it is not."""
    containers = value_at(template, f"/spec/{field}") or ()
    return next((i for i, each in enumerate(containers) if value_at(each, "/name") == name), None)


def limit_of(template: Mapping[str, Any], field: str, name: str) -> int | None:
    """Return the memory limit of a container of a pod or of its template, in bytes."""
    place = place_of(template, field, name)
    path = pointer("spec", field, str(place)) + MEMORY_LIMIT
    return None if place is None else bytes_of(value_at(template, path))


def good_limits(known: Sequence[Mapping[str, Any]], field: str, name: str) -> list[int]:
    """Return the limits of a container, in bytes, with which its workload was healthy."""
    return [size for each in known if (size := limit_of(each, field, name)) is not None]


def _in_force(pod: Object, name: str) -> int | None:
    """Return the memory limit that a container runs with, as the kubelet tells it, in bytes."""
    for _, statuses in _LISTS:
        for each in value_at(pod, f"/status/{statuses}") or ():
            if value_at(each, "/name") == name:
                return bytes_of(value_at(each, MEMORY_LIMIT))
    return None


def forbidden(
    growth: Growth, good: Sequence[int], nodes: Sequence[Object | None], room: Room
) -> Iterator[str]:
    """Yield what a raise does not fit into; ``good`` are the known good limits, in bytes."""
    new = growth.new
    if good and new > CAP * min(good):
        least = in_mebibytes(min(good))
        yield f"{CAP} times {least}, with which container {growth.container} was healthy"
    for node in nodes:
        allocatable = bytes_of(value_at(node, "/status/allocatable/memory"))
        if allocatable is None:
            yield "what is known of the node's memory, which could not be read"
        elif new > allocatable:
            yield f"the node has for pods, {in_mebibytes(allocatable)}"
    for maximum, kind, size in _maxima(room.limit_ranges):
        if (growth.pod if kind == "Pod" else new) > size:
            yield f"a LimitRange allows a {kind.lower()}, {maximum}"
    for quota, left in _left(room.quotas):
        if growth.in_all > left:
            yield (
                f"quota {quota} leaves: {growth.in_all // MIB} MiB are needed, "
                f"{max(left, 0) // MIB} MiB are left"
            )


def pod_limit(template: Any) -> int:
    """Return the sum of the limits of a pod's containers, as a quota counts them."""
    containers = value_at(template, "/spec/containers") or ()
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
    """Yield what each quota on memory limits leaves."""
    for each in quotas:
        hard = bytes_of(value_at(each, pointer("status", "hard", "limits.memory")))
        used = bytes_of(value_at(each, pointer("status", "used", "limits.memory"))) or 0
        if hard is not None:
            yield str(value_at(each, "/metadata/name")), hard - used
