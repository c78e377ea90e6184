"""How much memory may be taken in a container's name. Pure."""

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20
FLOOR: Final = 256 * MIB
"""Bytes that the node keeps whatever is asked for: the kubelet evicts pods below 100 MiB."""


LEAKING: Final = 16 * MIB
"""Bytes, and some more, of the process that takes the memory, beside what it takes."""


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """The memory of a node, and what of it can be had without taking it from anybody, in bytes."""

    total: int
    available: int


def node_memory(meminfo: str) -> NodeMemory:
    """Read it from what `/proc/meminfo` says."""
    lines = (line.split() for line in meminfo.splitlines())
    kib = {fields[0]: int(fields[1]) for fields in lines}
    return NodeMemory(kib["MemTotal:"] << 10, kib["MemAvailable:"] << 10)


def resident(status: str) -> int:
    """Read how many bytes a process has in memory, from its `/proc/…/status`; 0 if it has ended."""
    lines = (line.split() for line in status.splitlines())
    return next((int(fields[1]) << 10 for fields in lines if fields[0] == "VmRSS:"), 0)


def badness(resident_bytes: int, adjustment: int, limit: int) -> float:
    """Say how likely the kernel kills a process when a cgroup is at its limit, in bytes.

    It kills the one with the most: what is in memory, and a thousandth of the limit for each point
    of `oom_score_adj` (`oom_badness` in the kernel's mm/oom_kill.c).
    """
    return resident_bytes + adjustment * limit / 1000


def limit_of(said: str) -> int | None:
    """Read a cgroup's limit in bytes; None if there is none, which version 2 calls `max`."""
    return None if said.strip() == "max" else int(said)


def to_take(wanted: int, limit: int | None, node: NodeMemory) -> int:
    """Say how many bytes to take: those wanted, and more than the limit cannot be had.

    None at all (0) where the node would run out first; version 1 has a very large number in place
    of no limit.
    """
    if limit is None or limit >= node.total:
        return 0
    taken = min(wanted, limit)
    return taken if taken + FLOOR <= node.available else 0
