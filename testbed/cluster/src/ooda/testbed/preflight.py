"""What the machine must have before anything is changed on it: facts in, refusals out."""

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from ooda.testbed.cluster import network, nodes
from ooda.testbed.layout import API_PORT, CLUSTER, NETWORK, NODE_PORTS, Layout

_GB = 1000**3
NEEDED_DISK = 15 * _GB
NEEDED_MEMORY = 6 * _GB

_ENGINE_DATA = Path("/var/lib/docker")

PORTS = {"API server": API_PORT, **{name: host for name, (host, _) in NODE_PORTS.items()}}


@dataclass(frozen=True)
class Size:
    """What a machine has, in bytes."""

    free_disk: int
    memory: int


@dataclass(frozen=True)
class Names:
    """What a cluster needs for itself and something else may hold."""

    taken_ports: dict[str, int]
    """Those of our ports on 127.0.0.1 that something else holds."""
    foreign_cluster: bool
    """A kind cluster of our name runs that this testbed did not make."""


def size_refusals(size: Size) -> list[str]:
    """Every way in which the machine is too small, each one sentence with the way out."""
    found = []
    if size.free_disk < NEEDED_DISK:
        found.append(
            f"Too little disk: {size.free_disk / _GB:.1f} GB free, {NEEDED_DISK / _GB:.0f} GB "
            "are needed; make room (docker system prune helps)."
        )
    if size.memory < NEEDED_MEMORY:
        found.append(
            f"Too little memory: {size.memory / _GB:.1f} GB, "
            f"{NEEDED_MEMORY / _GB:.0f} GB are needed for three nodes and the shop; "
            "use a larger machine, or give this one more."
        )
    return found


def name_refusals(names: Names) -> list[str]:
    """Everything that is taken, each one sentence with the way out."""
    found = [
        f"Port {port} on 127.0.0.1 is taken and needed for {name}: "
        f"end what listens there (ss -ltnp 'sport = :{port}' names it)."
        for name, port in names.taken_ports.items()
    ]
    if names.foreign_cluster:
        found.append(
            f"A kind cluster named {CLUSTER} exists that was not made here; "
            f"it is left alone. Remove it first: kind delete cluster --name {CLUSTER}."
        )
    return found


def read_size(layout: Layout) -> Size:
    """Read the size: the free disk is the least of where we and the engine write."""
    engine = next(p for p in (_ENGINE_DATA, *_ENGINE_DATA.parents) if p.exists())
    free = min(shutil.disk_usage(folder).free for folder in (layout.cache, engine))
    return Size(free, total_memory())


def read_names() -> Names:
    """Read what is taken. The engine must answer."""
    exists = bool(nodes.node_states())
    ours = exists and network.is_ours() and nodes.all_attached_to(NETWORK)
    return Names({} if ours else taken_ports(), foreign_cluster=exists and not ours)


def total_memory() -> int:
    """Memory of the machine, in bytes."""
    line = Path("/proc/meminfo").read_text().splitlines()[0]
    return int(line.split()[1]) * 1024


def taken_ports() -> dict[str, int]:
    """Those of our ports that cannot be bound on 127.0.0.1."""
    return {name: port for name, port in PORTS.items() if not _is_free(port)}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
