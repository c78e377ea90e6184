"""What this machine and the running cluster can do: each line is asked of them, none assumed.

Kernel features are tried in a network namespace of a throw-away container; policy enforcement on
two throw-away pods.
"""

import platform
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ooda.testbed import docker, host, preflight
from ooda.testbed.commands import run
from ooda.testbed.errors import CommandFailed
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import Layout
from ooda.testbed.pins import Pins
from ooda.testbed.source import reach_registry

_POLICY_DEADLINE = 15.0  # seconds for a policy to take effect
_KERNEL = {
    "netem": "ip link set lo up && tc qdisc add dev lo root netem delay 1ms",
    "NFQUEUE": "iptables -A INPUT -p icmp -j NFQUEUE --queue-num 1",
    "statistic match": "iptables -A INPUT -m statistic --mode random --probability 0.5 -j DROP",
    "ipset": "ipset create probe hash:ip timeout 5",
    "nft": "nft add table inet probe",
}


@dataclass(frozen=True)
class Capability:
    """One line of the matrix."""

    name: str
    works: bool | None
    """None: could not be tried."""
    detail: str


def examine(layout: Layout, pins: Pins, kubectl: Kubectl | None) -> Iterator[Capability]:
    """Try everything, in parallel; yields the lines in a fixed order."""
    answers = docker.answers()
    has_image = answers and docker.image_id(pins.node) is not None
    probes: dict[str, Callable[[], Capability]] = {
        "Docker": _docker,
        "cgroups": _cgroups,
        **{
            name: partial(_kernel, name, order, pins.node, tried=has_image)
            for name, order in _KERNEL.items()
        },
        "in-place resize": lambda: _resize(kubectl),
        "NetworkPolicy": lambda: _policy(kubectl, pins),
        "disk": lambda: _disk(layout),
        "memory": _memory,
        "registry": lambda: _registry(pins, answers=answers),
    }
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_tried, probes, probes.values())


def _tried(name: str, probe: Callable[[], Capability]) -> Capability:
    """Run a probe; one that could not be run to its end is a line of the matrix too."""
    try:
        return probe()
    except CommandFailed as failure:
        return Capability(name, works=None, detail=_last_line(failure))


def _last_line(failure: CommandFailed) -> str:
    said = failure.output.strip().splitlines() or ["no answer in time"]
    return said[-1][:80]


def _docker() -> Capability:
    try:
        version = run("docker", "version", "--format", "{{.Server.Version}}", deadline=10).strip()
    except CommandFailed:
        return Capability(
            "Docker", works=False, detail="no engine answers; make cluster starts one"
        )
    bounded = ", privileged containers without CAP_SYS_RESOURCE" if host.is_bounded() else ""
    return Capability("Docker", works=True, detail=f"engine {version}{bounded}")


def _cgroups() -> Capability:
    version = "v2" if Path("/sys/fs/cgroup/cgroup.controllers").is_file() else "v1"
    return Capability("cgroups", works=True, detail=f"{version}, kernel {platform.release()}")


def _kernel(name: str, order: str, node_image: str, *, tried: bool) -> Capability:
    if not tried:
        return Capability(name, works=None, detail="needs the node image: make images")
    try:
        run(
            "docker", "run", "--rm", "--privileged", "--network=none", "--entrypoint", "sh",
            node_image, "-c", order, deadline=30,
        )  # fmt: skip
    except CommandFailed as failure:
        return Capability(name, works=False, detail=_last_line(failure))
    return Capability(name, works=True, detail="tried in a network namespace")


def _resize(kubectl: Kubectl | None) -> Capability:
    name = "in-place resize"
    if kubectl is None:
        return Capability(name, works=None, detail="needs the cluster: make cluster")
    served = "pods/resize" in kubectl("get", "--raw", "/api/v1")
    return Capability(
        name, works=served, detail="the API server serves pods/resize" if served else ""
    )


def _policy(kubectl: Kubectl | None, pins: Pins) -> Capability:
    name = "NetworkPolicy"
    if kubectl is None:
        return Capability(name, works=None, detail="needs the cluster: make cluster")
    namespace = f"ooda-doctor-{secrets.token_hex(3)}"
    try:
        return _try_policy(kubectl, namespace, pins.workloads["busybox"])
    finally:
        with suppress(CommandFailed):
            kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def _try_policy(kubectl: Kubectl, namespace: str, image: str) -> Capability:
    kubectl("create", "namespace", namespace)
    server = "echo ok > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
    for pod, order in (("server", server), ("client", "exec sleep 600")):
        kubectl(
            "-n", namespace, "run", pod, f"--image={image}", "--restart=Never",
            "--image-pull-policy=IfNotPresent", "--command", "--", "sh", "-c", order,
        )  # fmt: skip
    kubectl("-n", namespace, "wait", "pod", "--all", "--for=condition=Ready", "--timeout=30s")
    address = kubectl("-n", namespace, "get", "pod", "server", "-o", "jsonpath={.status.podIP}")

    def reaches() -> bool:
        try:
            order = f"echo | nc -w 1 {address} 8080"  # every busybox has these options
            kubectl("-n", namespace, "exec", "client", "--", "sh", "-c", order, deadline=10)
        except CommandFailed:
            return False
        return True

    if not _becomes(reaches, wanted=True):
        return Capability("NetworkPolicy", works=None, detail="two pods do not reach each other")
    kubectl.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "deny", "namespace": namespace},
            "spec": {"podSelector": {"matchLabels": {"run": "server"}}, "policyTypes": ["Ingress"]},
        }
    )
    began = time.monotonic()
    enforced = _becomes(reaches, wanted=False)
    took = time.monotonic() - began
    detail = (
        f"a deny policy stopped traffic after {took:.1f} s" if enforced else "policies are ignored"
    )
    return Capability("NetworkPolicy", works=enforced, detail=detail)


def _becomes(condition: Callable[[], bool], *, wanted: bool) -> bool:
    end = time.monotonic() + _POLICY_DEADLINE
    while time.monotonic() < end:
        if condition() is wanted:
            return True
        time.sleep(0.1)
    return False


def _disk(layout: Layout) -> Capability:
    free = shutil.disk_usage(layout.cache).free
    works = free >= preflight.NEEDED_DISK
    return Capability("disk", works=works, detail=f"{free / 1e9:.0f} GB free, 15 GB are needed")


def _memory() -> Capability:
    total = preflight.total_memory()
    works = total >= preflight.NEEDED_MEMORY
    return Capability("memory", works=works, detail=f"{total / 1e9:.0f} GB, 6 GB are needed")


def _registry(pins: Pins, *, answers: bool) -> Capability:
    if not answers:
        return Capability("registry", works=None, detail="needs an engine")
    reached, said = reach_registry(pins)
    return Capability("registry", works=reached, detail=said)
