"""A memory limit raised in the pods that run, without replacing them: whether, and in which. Pure.

Whether the cluster can is asked of it in a dry run; this only says where it would be right
(``docs/adr/0014``). Raised are the pod that was killed and those that its controller made like it:
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

SHORT_RESTARTS = 2
"""Restarts after which the next start comes within 20 s: the kubelet waits 10 s after the second
end, and twice as long after each (Kubernetes: Pod Lifecycle, "Container restarts"). A limit raised
in place takes effect only then, and a new pod would be there sooner."""

MOST = 10
"""Pods that are raised at once; of more, the pace is better left to a rollout. A choice."""

_STATUSES = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A pod, with the node that it runs on; None if that could not be read."""

    pod: Object
    node: Object | None = None


@dataclass(frozen=True, slots=True)
class InPlace:
    """The change of each pod, and whether the old limit was ever healthy."""

    container: str
    changes: tuple[tuple[Object, FieldChange], ...]
    was_good: bool


def in_place(
    shown: Placed, others: Sequence[Placed], known: Sequence[Mapping[str, Any]], room: Room
) -> InPlace | str:
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
    unfit = next(_unfit(shown.pod, field, name), None)
    if unfit is not None:
        return unfit
    alike = [each for each in others if _alike(each.pod, shown.pod, field, name, before)]
    pods = [shown, *alike]
    if len(pods) > MOST:
        return f"{len(pods)} pods have this limit, and {MOST} are raised at once at most"
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
    changes = tuple((each.pod, _change(each.pod, field, name, after)) for each in pods)
    return InPlace(name, changes, was_good=bool(good) and good[-1] == before)


def _unfit(pod: Object, field: str, name: str) -> Iterator[str]:
    container = value_at(pod, f"/spec/{field}/{place_of(pod, field, name)}")
    for each in value_at(container, "/resizePolicy") or ():
        if value_at(each, "/resourceName") == "memory" and (
            value_at(each, "/restartPolicy") != "NotRequired"
        ):
            yield f"container {name} is restarted when its memory limit changes"
    statuses = value_at(pod, f"/status/{_STATUSES[field]}") or ()
    status = next((each for each in statuses if value_at(each, "/name") == name), None)
    restarts = value_at(status, "/restartCount") or 0
    if value_at(status, "/state/running") is None and restarts > SHORT_RESTARTS:
        yield f"container {name} waits too long for its next start, after {restarts} restarts"


def _alike(pod: Object, shown: Object, field: str, name: str, limit: int) -> bool:
    return (
        value_at(pod, "/metadata/uid") != value_at(shown, "/metadata/uid")
        and owner_uid(pod) == owner_uid(shown)
        and value_at(pod, "/metadata/deletionTimestamp") is None
        and value_at(pod, "/spec/nodeName") is not None
        and limit_of(pod, field, name) == limit
    )


def _change(pod: Object, field: str, name: str, after: str) -> FieldChange:
    path = pointer("spec", field, str(place_of(pod, field, name))) + MEMORY_LIMIT
    return FieldChange(path=path, before=value_at(pod, path), after=after)
