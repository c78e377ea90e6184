"""To which pod a process belongs, by what the kernel says of its cgroups. Pure."""

import re


def belongs_to(cgroups: str, pod_uid: str) -> bool:
    """Say whether a process is of a pod; ``cgroups`` is what ``/proc/PID/cgroup`` says.

    The kubelet puts a pod's UID into the name of its cgroup: ``pod<uid>`` with the driver cgroupfs,
    ``…-pod<uid with underscores>.slice`` with systemd. What stands before it differs: version 1 has
    a line for each controller, kind nests the node's own, and seen from another cgroup namespace a
    path begins with ``/../``.
    """
    uid = re.escape(pod_uid)
    name = rf"/(?:[^/\n]*-)?pod(?:{uid}|{uid.replace(re.escape('-'), '_')})(?:\.slice)?/"
    return re.search(name, cgroups) is not None
