"""What the tests of the cluster's life read of the machine, and how they kill the cluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ooda.testbed.host import as_root
from ooda.testbed.layout import BRIDGE, CLUSTER, NETWORK, WORKERS, layout
from ooda.testbed.pins import read_pins

TESTBED = Path(sys.executable).with_name("ooda-testbed")

Run = Callable[..., subprocess.CompletedProcess[str]]


def docker(*argv: str) -> str:
    done = subprocess.run(
        ["docker", *argv], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


def node_containers() -> list[str]:
    label = f"label=io.x-k8s.kind.cluster={CLUSTER}"
    return sorted(docker("ps", "--all", "--no-trunc", "--quiet", "--filter", label).split())


def residue() -> list[str]:
    """What is left of a cluster, by name; the engine must answer."""
    disks = layout().disks
    networks = docker("network", "ls", "--format={{.Name}}").split()
    return [
        *(f"container {name}" for name in node_containers()),
        *(f"network {name}" for name in networks if name == NETWORK),
        *(f"mount {disks / worker}" for worker in WORKERS if os.path.ismount(disks / worker)),
        *(f"file {path}" for path in disks.glob("*.img")),
    ]


def ready_nodes() -> set[str]:
    kubectl, kubeconfig = layout().binaries / "kubectl", layout().kubeconfig
    listed = subprocess.run(
        [kubectl, f"--kubeconfig={kubeconfig}", "get", "nodes", "--no-headers"],
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    return {line.split()[0] for line in listed.stdout.splitlines() if line.split()[1] == "Ready"}


def runs(container: str) -> bool:
    """Whether a container runs; False too while no engine answers."""
    done = subprocess.run(
        ["docker", "inspect", "-f", "{{.State.Running}}", container],
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    return done.stdout.strip() == "true"


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.1)


def kill_all() -> None:
    """Kill every process of the cluster at once; the engine too, where it is our own."""
    victims = descendants_of_shims()
    engine = layout().engine / "dockerd.pid"
    if engine.is_file():
        victims |= {int(engine.read_text()), *children(int(engine.read_text()))}
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    until(lambda: not any(alive(pid) for pid in victims), 30)


def forget_kernel_state() -> None:
    """Take away what a restart of the machine takes away: mounts, the rule, the bridge."""
    image = read_pins(layout().images).node
    for worker in WORKERS:
        as_root("umount", "--lazy", str(layout().disks / worker), helper_image=image)
    as_root("iptables", "--wait", "--flush", "DOCKER-USER", helper_image=image)
    as_root("ip", "link", "delete", BRIDGE, helper_image=image)


def descendants_of_shims() -> set[int]:
    """Processes of the node containers, found by their control group or their parents."""
    found: set[int] = set()
    for container in node_containers():
        pid = int(docker("inspect", "-f", "{{.State.Pid}}", container))
        found |= {pid, parent(pid), *children(pid)} if pid else set()
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def children(pid: int) -> set[int]:
    """All descendants of a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents.setdefault(parent(int(entry.name)), []).append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    found: set[int] = set()
    queue = [pid]
    while queue:
        below = parents.get(queue.pop(), [])
        found |= set(below)
        queue += below
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
