"""What the kernel tells about a process of a pod, read without guessing. Pure."""

from collections.abc import Iterable
from typing import Final

_MOUNT_ROOT: Final = 3  # a field of mountinfo: where in its file system the mount begins


def in_container(mounts: str, pod_uid: str, container: str) -> bool:
    """Say whether a process sees the files of a container of that name, from its mountinfo.

    The kubelet gives each container a file of its own for its last words, in the folder
    `pods/<uid>/containers/<name>`; ids of containers change when they are restarted, this does not.
    """
    within = f"/pods/{pod_uid}/containers/{container}/"
    return any(within in fields[_MOUNT_ROOT] for fields in _split(mounts))


def _split(mounts: str) -> Iterable[list[str]]:
    lines = (line.split() for line in mounts.splitlines())
    return (fields for fields in lines if len(fields) > _MOUNT_ROOT)


def is_first(status: str) -> bool:
    """Say whether a process is the first of its pid namespace, from its `/proc/…/status`."""
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return line.split()[-1] == "1"
    return False


def is_being_made(status: str) -> bool:
    """Say whether a process is still runc's: the container's own program has not begun."""
    return status.startswith("Name:\trunc:[")
