"""Where the sandbox of a pod is on this node."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from ooda.injector.core.fence import NAMESPACE
from ooda.injector.node.core.cgroups import belongs_to
from ooda.injector.node.orders import Refusal, Sandbox, SandboxProcess
from ooda.injector.node.refusing import RefusedError

PROCESSES: Final = Path("/proc")
PODS: Final = Path("/proc/1/root/var/log/pods")
"""Where the kubelet has a folder for each pod of its node, ``<namespace>_<name>_<uid>``."""
_PAUSE: Final = "pause"
_STARTED: Final = 19
"""The place of the time of its start in ``/proc/PID/stat``, counted from behind the name."""


class Sandboxes(Protocol):
    """The sandboxes of a node."""

    def find(self, pod_uid: str) -> Sandbox | None:
        """Return the sandbox of a pod, None if it is not on this node. Raises RefusedError."""
        ...


class SandboxProcesses:
    """Finds the process that holds a pod's sandbox (``pause``), never one of its containers.

    It needs the node's processes: ``hostPID``.
    """

    def __init__(self, processes: Path = PROCESSES) -> None:
        self._processes = processes

    def find(self, pod_uid: str) -> Sandbox | None:
        """See Sandboxes. The oldest one of that name counts: the sandbox is there first."""
        found = sorted((self._started(pid), pid) for pid in self._of_pod(pod_uid))
        return SandboxProcess(pid=found[0][1]) if found else None

    def _of_pod(self, pod_uid: str) -> Iterator[int]:
        for each in self._processes.iterdir():
            if not each.name.isdigit():
                continue
            with contextlib.suppress(OSError):  # a process may end while it is looked at
                if (each / "comm").read_text().strip() == _PAUSE and belongs_to(
                    (each / "cgroup").read_text(), pod_uid
                ):
                    yield int(each.name)

    def _started(self, pid: int) -> int:
        with contextlib.suppress(OSError):
            behind_the_name = (self._processes / str(pid) / "stat").read_text().rpartition(")")[2]
            return int(behind_the_name.split()[_STARTED])
        return 0


class FencedSandboxes:
    """Only sandboxes of pods that may be broken, whatever the journal says of them.

    A pod's namespace is what the kubelet says that it is; ``pods`` is where it says so. What cannot
    be told is refused.
    """

    def __init__(self, behind: Sandboxes, pods: Path = PODS) -> None:
        self._behind = behind
        self._pods = pods

    def find(self, pod_uid: str) -> Sandbox | None:
        """See Sandboxes. Raises RefusedError for a pod of a namespace that may not be broken."""
        try:
            named = [each.name.split("_") for each in self._pods.iterdir()]
        except OSError as error:
            raise RefusedError(
                Refusal.FORBIDDEN,
                f"which pods are on this node cannot be told: {error.strerror}: {self._pods}",
            ) from error
        known = [each for each in named if each[-1] == pod_uid]
        for namespace, *_ in known:
            if not NAMESPACE.fullmatch(namespace):
                raise RefusedError(
                    Refusal.FORBIDDEN, f"the pod is in {namespace}, which may not be broken"
                )
        return self._behind.find(pod_uid) if known else None
