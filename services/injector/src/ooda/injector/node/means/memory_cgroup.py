"""The cgroup that a container's memory is counted in, as its node shows it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ooda.injector.node.core.cgroups import belongs_to
from ooda.injector.node.core.memory import limit_of

_MOUNTED = Path("sys/fs/cgroup")
_LIMITS = ("memory.limit_in_bytes", "memory.max")
"""In the order of their versions."""


def limit_in(cgroup: Path) -> int | None:
    """Return how much a cgroup may have at most, in bytes; None if nothing says. Raises OSError."""
    said = [each for each in (cgroup / name for name in _LIMITS) if each.exists()]
    return limit_of(said[0].read_text()) if said else None


def memory_cgroup(pid: int, pod_uid: str, node_root: Path) -> Path | None:
    """Find the folder of that of a process of a pod; None if it has ended.

    It is looked for by the process that is in it: a path as the kernel says it is one in the cgroup
    namespace of whoever reads it.
    """
    mounted = node_root / _MOUNTED
    version_1 = mounted / "memory"
    for folder in _of_pod(version_1 if version_1.is_dir() else mounted, pod_uid):
        with suppress(OSError):  # it may be removed meanwhile, or have none of its own to be read
            if str(pid) in (folder / "cgroup.procs").read_text().split():
                return folder
    return None


def _of_pod(top: Path, pod_uid: str) -> Iterator[Path]:
    folders = (folder for folder, _, _ in os.walk(top))
    return (Path(each) for each in folders if belongs_to(f"{each}/", pod_uid))
