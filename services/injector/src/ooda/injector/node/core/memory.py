"""How much memory may be taken in a container's name, and who is killed for it. Pure."""

from dataclasses import dataclass
from typing import Final

from ooda.injector.node.core.room import MIB

FLOOR: Final = 512 * MIB
"""Bytes that a node keeps: the kubelet evicts pods below 100 MiB, whosever they are."""
LEAKING: Final = 16 * MIB
"""Bytes that the process has itself, at most, which takes the memory."""
UNKILLABLE: Final = -1000
"""The `oom_score_adj` of a process that the kernel never kills for want of memory."""


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """The memory of a node in bytes; `available` as the kubelet has it, that evicts by it."""

    total: int
    available: int


def node_memory(meminfo: str) -> NodeMemory:
    """Read it from what `/proc/meminfo` says.

    To the kubelet, what is used is all but what is free and files that nobody uses now.
    """
    said = _in_bytes(meminfo)
    return NodeMemory(said["MemTotal"], said["MemFree"] + said["Inactive(file)"])


def killable(status: str) -> int:
    """Read how many bytes a process has that nothing but its end gives back.

    `status` is its `/proc/…/status`; 0 if it has ended.
    """
    said = _in_bytes(status)
    return sum(said.get(name, 0) for name in ("RssAnon", "RssShmem", "VmSwap"))


def _in_bytes(text: str) -> dict[str, int]:
    """Read the lines of a file of the kernel's that are in kB."""
    lines = (line.split() for line in text.splitlines())
    return {
        fields[0].rstrip(":"): int(fields[1]) << 10
        for fields in lines
        if len(fields) == 3 and fields[2] == "kB"  # noqa: PLR2004 - name, number and unit
    }


def badness(size: int, adjustment: int, limit: int) -> float:
    """Say how likely the kernel kills a process when a cgroup is at its limit; all in bytes.

    It kills the one with the most: what it has in memory, and a thousandth of the limit for each
    point of `oom_score_adj` (`oom_badness` in the kernel's mm/oom_kill.c).
    """
    return size + adjustment * limit / 1000


def limit_of(said: str) -> int | None:
    """Read a cgroup's limit in bytes; None if there is none, which version 2 calls `max`."""
    return None if said.strip() == "max" else int(said)


def to_take(wanted: int, limit: int | None, node: NodeMemory) -> int:
    """Say how many bytes to take: those wanted, and more than the limit cannot be had.

    None at all (0) without a limit, for which version 1 has a very large number, or where the node
    would run out first.
    """
    if limit is None or limit >= node.total:
        return 0
    taken = min(wanted, limit)
    return taken if taken + FLOOR <= node.available else 0
