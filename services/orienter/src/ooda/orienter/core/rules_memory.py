"""What the use of memory says, against the limits of a workload's containers. Pure."""

from collections.abc import Mapping

from ooda.common.quantities import MIB, bytes_of
from ooda.orienter.core.findings import Seen
from ooda.orienter.core.objects import Object, items, mapping, text
from ooda.orienter.core.rules_services import quoted
from ooda.orienter.core.signs import Sign
from ooda.orienter.core.weights import Weights

WINDOW = "10m"
"""As far back as an end of a container counts."""


def memory_limits(template: Object) -> dict[str, int]:
    """Return the memory limits of a template's containers, in bytes; those that have one."""
    found = {}
    for each in items(mapping(template.get("spec")).get("containers")):
        size = bytes_of(mapping(mapping(each.get("resources")).get("limits")).get("memory"))
        if size is not None:
            found[text(each.get("name"))] = size
    return found


def memory_query(workload: str, namespace: str) -> str:
    """Return the query for the most that each container used lately, over all pods."""
    pods = quoted(f"{workload}-[a-z0-9-]+")
    selector = f"namespace={quoted(namespace)},pod=~{pods}"
    series = f"container_memory_working_set_bytes{{{selector}}}"
    return f"max by (container) (max_over_time({series}[{WINDOW}]))"


def read_memory(limits: Mapping[str, float], used: Mapping[str, float], weights: Weights) -> Seen:
    """Compare the most that was seen with the limits.

    What grows within a second is killed between two samples: that little was seen is weak.
    """
    shares = {name: used[name] / limit for name, limit in limits.items() if name in used}
    lines = [
        f"{name}: at most {used[name] / MIB:.0f} of {limits[name] / MIB:.0f} MiB ({share:.0%})"
        for name, share in sorted(shares.items())
    ]
    excerpt = "\n".join(lines) or "no container with a memory limit was measured"
    if not shares:
        return Seen(excerpt=excerpt)
    if max(shares.values()) >= weights.memory_high:
        return Seen(frozenset({Sign.MEMORY_AT_LIMIT}), excerpt)
    if max(shares.values()) <= weights.memory_low:
        return Seen(frozenset({Sign.MEMORY_LOW}), excerpt)
    return Seen(excerpt=excerpt)
