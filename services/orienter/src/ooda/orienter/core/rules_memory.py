"""What the use of memory says, against the limits of a workload's containers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ooda.common.quantities import MIB, bytes_of
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import Object, items, mapping, metadata, text
from ooda.orienter.core.rules_services import quoted
from ooda.orienter.core.signs import Sign
from ooda.orienter.core.weights import Weights

WINDOW = "10m"
"""As far back as an end of a container counts."""


@dataclass(frozen=True, slots=True)
class Use:
    """The most that one container used lately, in bytes, and what it may use."""

    container: str
    used: float
    limit: float


def memory_limits(pod: Object) -> dict[str, int]:
    """Return the memory limits of the containers of a pod or a template, in bytes, if any."""
    found = {}
    for each in items(mapping(pod.get("spec")).get("containers")):
        size = bytes_of(mapping(mapping(each.get("resources")).get("limits")).get("memory"))
        if size is not None:
            found[text(each.get("name"))] = size
    return found


def memory_query(workload: str, namespace: str) -> str:
    """Return the query for the most that each container of each pod used lately."""
    pods = quoted(f"{workload}-[a-z0-9-]+")
    selector = f"namespace={quoted(namespace)},pod=~{pods}"
    series = f"container_memory_working_set_bytes{{{selector}}}"
    return f"max by (pod, container) (max_over_time({series}[{WINDOW}]))"


def memory_uses(
    template: Object, pods: Sequence[Object], used: Sequence[tuple[Mapping[str, str], float]]
) -> list[Use]:
    """Return what was used against what the pod itself allows, which may have been resized.

    Of a pod that is gone the template's limit counts.
    """
    usual = memory_limits(template)
    own = {text(metadata(each).get("name")): memory_limits(each) for each in pods}
    return [
        Use(container, value, limit)
        for labels, value in used
        if (container := labels.get("container", ""))
        and (limit := own.get(labels.get("pod", ""), usual).get(container))
    ]


def read_memory(uses: Sequence[Use], weights: Weights) -> Seen:
    """Compare the most that was seen with the limits.

    What grows within a second is killed between two samples: that little was seen is weak.
    """
    most: dict[str, Use] = {}
    for each in sorted(uses, key=_share):
        most[each.container] = each
    lines = [
        f"{name}: at most {each.used / MIB:.0f} of {each.limit / MIB:.0f} MiB ({_share(each):.0%})"
        for name, each in sorted(most.items())
    ]
    excerpt = "\n".join(lines) or "no container with a memory limit was measured"
    if not most:
        return Seen(excerpt=excerpt)
    highest = max(map(_share, most.values()))
    if highest >= weights.memory_high:
        return Seen(frozenset({Sign.MEMORY_AT_LIMIT}), excerpt)
    if highest <= weights.memory_low:
        return Seen(frozenset({Sign.MEMORY_LOW}), excerpt)
    return Seen(excerpt=excerpt)


def _share(use: Use) -> float:
    return use.used / use.limit
