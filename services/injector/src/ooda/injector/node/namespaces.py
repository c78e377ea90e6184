"""Into the network namespace of a pod, and never into that of the node."""

import ctypes
import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final

from ooda.injector.node.orders import Refusal, Sandbox, SandboxNamespace, SandboxProcess
from ooda.injector.node.refusing import RefusedError

_NETWORK: Final = 0x40000000  # CLONE_NEWNET
NODE: Final = Path("/proc/1/ns/net")
"""The network namespace of the node, as a pod sees it that shares the node's processes."""

_OWN = Path("/proc/self/ns/net")
_ROUTES = Path("/proc/self/net/route")
_ROUTES_IPV6 = Path("/proc/self/net/ipv6_route")
_GATEWAY = 0x2  # RTF_GATEWAY


def open_namespace(sandbox: Sandbox, node: Path) -> int:
    """Open the sandbox's network namespace; the descriptor stays right if its pid is used again.

    `node` is where the kernel shows the namespace of the node itself. Raises RefusedError if the
    sandbox is gone, if it has that one (a pod with `hostNetwork`), or if that cannot be told.
    """
    try:
        descriptor = os.open(sandbox.namespace, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedError(
            Refusal.SANDBOX_GONE, f"{sandbox.namespace} cannot be opened: {error.strerror}"
        ) from error
    if _identity(os.fstat(descriptor)) in _forbidden(node):
        raise RefusedError(
            Refusal.HOST_NETWORK,
            f"{sandbox.namespace} is the node's own network: a fault there would hit everything",
        )
    return descriptor


def watch(sandbox: Sandbox) -> int | None:
    """Give a descriptor that is readable once the sandbox's process has ended, if one is known.

    Raises RefusedError if it has ended already.
    """
    match sandbox:
        case SandboxProcess(pid=pid):
            try:
                return os.pidfd_open(pid)
            except OSError as error:
                raise RefusedError(
                    Refusal.SANDBOX_GONE, f"process {pid} is not there: {error.strerror}"
                ) from error
        case SandboxNamespace():
            return None


def _forbidden(node: Path) -> set[tuple[int, int]]:
    """Give the namespace of the node and this process's own."""
    try:
        return {_identity(path.stat()) for path in (node, _OWN)}
    except OSError as error:
        raise RefusedError(
            Refusal.HOST_NETWORK,
            f"whether this is the node's own network cannot be told: {error.strerror}: {node}",
        ) from error


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def enter(descriptor: int) -> None:
    """Move this process into the namespace for good. Raises RefusedError if it cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _NETWORK) != 0:
        number = ctypes.get_errno()
        raise RefusedError(
            Refusal.SANDBOX_GONE, f"the namespace cannot be entered: {os.strerror(number)}"
        )


def gateways() -> tuple[IPv4Network | IPv6Network, ...]:
    """Give the gateways of the namespace that this process is in: where the kubelet asks from."""
    found: set[IPv4Network | IPv6Network] = set()
    for line in _lines(_ROUTES)[1:]:
        fields = line.split()
        if int(fields[3], 16) & _GATEWAY:
            found.add(ip_network(bytes.fromhex(fields[2])[::-1]))
    for line in _lines(_ROUTES_IPV6):
        fields = line.split()
        if int(fields[8], 16) & _GATEWAY:
            found.add(ip_network(bytes.fromhex(fields[4])))
    return tuple(sorted(found, key=str))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
