"""A small file system of its own for each worker, in a file.

So pressure on a node's disk is real and cannot hurt the host. The file system carries both what
kubelet measures as `nodefs` and the volumes that the provisioner makes, so that a full volume
fills the node. Made anew with each cluster: the mount outlives a cluster, and kubelet would find
the certificate of the one before.
"""

import os
import shutil
from pathlib import Path

from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed
from ooda.testbed.host import as_root
from ooda.testbed.layout import WORKERS

SIZE_MIB = 2048  # sparse: takes on the host what the node has written
KUBELET, VOLUMES = "kubelet", "volumes"


def mount_point(disks: Path, worker: str) -> Path:
    """Where the host sees a worker's file system."""
    return disks / worker


def all_mounted(disks: Path) -> bool:
    """Whether every worker's file system is mounted."""
    return all(os.path.ismount(mount_point(disks, worker)) for worker in WORKERS)


def make_disks(disks: Path, helper_image: str) -> None:
    """Make every worker's file system anew and mount it. Raises CommandFailed."""
    remove_disks(disks, helper_image)
    disks.mkdir(parents=True, exist_ok=True)
    mkfs = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "mkfs.ext4"
    for worker in WORKERS:
        image, point = disks / f"{worker}.img", mount_point(disks, worker)
        with image.open("wb") as file:
            file.truncate(SIZE_MIB * 1024 * 1024)
        run(mkfs, "-q", "-F", "-m", "0", str(image))
        point.mkdir(exist_ok=True)
        as_root("mount", "-o", "loop", str(image), str(point), helper_image=helper_image)
        folders = [str(point / name) for name in (KUBELET, VOLUMES)]
        as_root("mkdir", "-p", *folders, helper_image=helper_image)


def remove_disks(disks: Path, helper_image: str) -> None:
    """Unmount and delete every worker's file system, whatever state a killed run left them in."""
    for worker in WORKERS:
        point = mount_point(disks, worker)
        while os.path.ismount(point):
            try:
                as_root("umount", str(point), helper_image=helper_image)
            except CommandFailed:
                # Still held by a process of a killed node: detach now, free later.
                as_root("umount", "--lazy", str(point), helper_image=helper_image)
        if point.is_dir():  # with files, where nodes were revived while nothing was mounted
            as_root("rm", "-rf", "--one-file-system", str(point), helper_image=helper_image)
        (disks / f"{worker}.img").unlink(missing_ok=True)
