"""A node and three pods without a cluster: network namespaces on a bridge inside one of them.

Nothing of it is in the machine's own namespace, and it goes with the processes that hold it, at the
latest after some minutes.
"""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ooda.injector.node.orders import Sandbox, SandboxProcess

_NETWORK: Final = 0x40000000  # CLONE_NEWNET
NODE: Final = "10.98.7.1"
TARGET: Final = "10.98.7.11"
PEER: Final = "10.98.7.12"
BYSTANDER: Final = "10.98.7.13"


def unable() -> str | None:
    """Say why this machine cannot have such a yard; None if it can."""
    for program in ("ip", "unshare", "nsenter", "sleep"):
        if shutil.which(program) is None:
            return f"there is no program {program}"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        return f"network namespaces cannot be made here: {tried.stderr.decode().strip()}"
    return None


@dataclass(frozen=True)
class Place:
    """A network namespace, held by process `pid`."""

    pid: int
    address: str

    def socket(self, kind: socket.SocketKind, family: int = socket.AF_INET) -> socket.socket:
        """Open a socket in it; the caller stays where it is."""
        opened: list[socket.socket] = []

        def inside() -> None:
            descriptor = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor, _NETWORK) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
                opened.append(socket.socket(family, kind))
            finally:
                os.close(descriptor)

        thread = threading.Thread(target=inside)  # only this thread changes its namespace
        thread.start()
        thread.join()
        return opened[0]

    def queues(self) -> str:
        """Give the packet queues that somebody has in it."""
        return Path(f"/proc/{self.pid}/net/netfilter/nfnetlink_queue").read_text()

    def command(self, *words: str) -> str:
        """Run a program in it."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.pid), "--net", *words],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


@dataclass(frozen=True)
class Yard:
    """The node with its bridge, the pod that is broken, its peer, and one that may not suffer."""

    node: Place
    target: Place
    peer: Place
    bystander: Place

    @staticmethod
    @contextlib.contextmanager
    def made(minutes: int = 10) -> Iterator["Yard"]:
        """Make one, and take it away, or lose it after so many minutes."""
        with contextlib.ExitStack() as held:
            node = _place(held, NODE, minutes)
            node.command("ip", "link", "add", "bridge0", "type", "bridge")
            _up(node, "bridge0")
            pods = [_place(held, address, minutes) for address in (TARGET, PEER, BYSTANDER)]
            for pod in pods:
                outside = _outside(pod)
                pair = ("name", outside, "type", "veth", "peer", "name", "eth0")
                node.command("ip", "link", "add", *pair, "netns", str(pod.pid))
                node.command("ip", "link", "set", outside, "master", "bridge0", "up")
                _up(pod, "eth0")
                pod.command("ip", "route", "add", "default", "via", NODE)
            yield Yard(node, *pods)

    @contextlib.contextmanager
    def without(self, pod: Place) -> Iterator[None]:
        """Let no packet to a pod or from it through for as long as the block lasts.

        Its link stays up: one that comes up again is announced to all.
        """
        self.node.command("ip", "link", "set", _outside(pod), "nomaster")
        try:
            yield
        finally:
            self.node.command("ip", "link", "set", _outside(pod), "master", "bridge0")


def ipv6(place: Place) -> str:
    """Give its address in IPv6."""
    return f"fd98::{place.address.rsplit('.', 1)[1]}"


def _outside(pod: Place) -> str:
    """Give the node's end of a pod's link."""
    return f"pod{pod.address.rsplit('.', 1)[1]}"


def _up(place: Place, device: str) -> None:
    place.command("ip", "address", "add", f"{place.address}/24", "dev", device)
    place.command("ip", "address", "add", f"{ipv6(place)}/64", "dev", device, "nodad")
    place.command("ip", "link", "set", device, "up")
    place.command("ip", "link", "set", "lo", "up")


def _place(held: contextlib.ExitStack, address: str, minutes: int) -> Place:
    process = subprocess.Popen(["unshare", "--net", "sleep", f"{minutes * 60}"])

    def end() -> None:
        process.kill()
        process.wait()

    held.callback(end)
    own = Path("/proc/self/ns/net").stat().st_ino
    deadline = time.monotonic() + 10
    while Path(f"/proc/{process.pid}/ns/net").stat().st_ino == own:
        if time.monotonic() > deadline:
            raise TimeoutError("no namespace of its own")
        time.sleep(0.005)
    return Place(process.pid, address)


class PaperSandboxes:
    """The sandboxes of pods that are on paper."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    def find(self, pod_uid: str) -> Sandbox | None:
        place = self._places.get(pod_uid)
        return None if place is None else SandboxProcess(pid=place.pid)
