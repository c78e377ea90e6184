"""What the machine must have before anything is changed on it: facts in, refusals out."""

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from ooda.testbed.cluster import network, nodes
from ooda.testbed.layout import API_PORT, CLUSTER, NODE_PORTS, Layout

_GB = 1000**3
NEEDED_DISK = 15 * _GB
NEEDED_MEMORY = 6 * _GB

PORTS = {"API server": API_PORT, **{name: host for name, (host, _) in NODE_PORTS.items()}}


@dataclass(frozen=True)
class Machine:
    """What the checks look at. Sizes in bytes."""

    free_disk: int
    memory: int
    taken_ports: dict[str, int]
    """Those of our ports on 127.0.0.1 that something else holds."""
    foreign_cluster: bool
    """A kind cluster of our name runs that this testbed did not make."""


def refusals(machine: Machine) -> list[str]:
    """Every reason not to start, each one sentence with the way out."""
    found = []
    if machine.free_disk < NEEDED_DISK:
        found.append(
            f"Too little disk: {machine.free_disk / _GB:.1f} GB free, {NEEDED_DISK / _GB:.0f} GB "
            "are needed; make room (docker system prune helps), or set XDG_CACHE_HOME elsewhere."
        )
    if machine.memory < NEEDED_MEMORY:
        found.append(
            f"Too little memory: {machine.memory / _GB:.1f} GB, "
            f"{NEEDED_MEMORY / _GB:.0f} GB are needed for three nodes and the shop; "
            "use a larger machine, or give this one more."
        )
    found += [
        f"Port {port} on 127.0.0.1 is taken and needed for {name}: "
        f"end what listens there (ss -ltnp 'sport = :{port}' names it)."
        for name, port in machine.taken_ports.items()
    ]
    if machine.foreign_cluster:
        found.append(
            f"A kind cluster named {CLUSTER} exists that was not made here; "
            f"it is left alone. Remove it first: kind delete cluster --name {CLUSTER}."
        )
    return found


def read_machine(layout: Layout) -> Machine:
    """Read the facts. The engine must answer."""
    states = nodes.node_states()
    ours = network.is_ours()
    return Machine(
        free_disk=shutil.disk_usage(layout.cache).free,
        memory=total_memory(),
        taken_ports={} if states and ours else taken_ports(),
        foreign_cluster=bool(states) and not ours,
    )


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
