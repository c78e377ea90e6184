"""Which cluster the services watch, and how their containers reach its API server."""

import ipaddress
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.commands import run
from ooda.testbed.compose.files import literal_variables
from ooda.testbed.errors import Refused
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CONTROL_PLANE, NETWORK, NODE_PORTS, Layout
from ooda.testbed.workloads.deploy import exists

KUBECONFIG = "OODA_KUBECONFIG"
SERVER = "OODA_API_SERVER"
CLUSTER_NETWORK = "OODA_CLUSTER_NETWORK"
_FOR_TESTS = "k8s/overlays/kind/agent/for-a-test-cluster.yaml"


@dataclass(frozen=True)
class Target:
    """One cluster."""

    kubectl: Kubectl
    """With the rights of whoever sets up: it makes ServiceAccounts, and grants them rights."""
    server: str
    """The API server, as containers reach it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What compose.yaml is told of it: the network, how the services are set."""

    @property
    def names(self) -> dict[str, str]:
        """Name the cluster, as programs of this machine are told of it."""
        return {"kubeconfig": str(self.kubectl.kubeconfig), "context": self.kubectl.context}


def beside(cluster: Cluster) -> Target:
    """Return the testbed's own cluster, with the settings that its agent has."""
    written = yaml.safe_load_all((cluster.layout.repository / _FOR_TESTS).read_text())
    variables = {**literal_variables(written), **in_network(NETWORK)}
    if exists(cluster.kubectl, "service", "monitoring", "prometheus"):
        port = NODE_PORTS["Prometheus"][1]
        variables["OODA_PROMETHEUS_URL"] = f"http://{CONTROL_PLANE}:{port}"
    else:
        variables.pop("OODA_PROMETHEUS_URL")
    return Target(cluster.kubectl, f"https://{CONTROL_PLANE}:6443", variables)


def elsewhere(kubeconfig: str, layout: Layout, environment: Mapping[str, str]) -> Target:
    """Return the cluster that a kubeconfig's current context leads to. Raises TestbedError."""
    path = Path(kubeconfig).expanduser().absolute()
    if not path.is_file():
        raise Refused(f"{KUBECONFIG}={kubeconfig}: there is no such file.")
    program = kubectl_program(layout)
    context = run(str(program), f"--kubeconfig={path}", "config", "current-context").strip()
    kubectl = Kubectl(program, path, context)
    server = server_for_containers(cluster_of(kubectl)["server"], environment)
    return Target(kubectl, server, in_network(environment.get(CLUSTER_NETWORK)))


def kubectl_program(layout: Layout) -> Path:
    """Return the testbed's own kubectl, or the user's. Raises Refused if there is none."""
    own = layout.binaries / "kubectl"
    found = own if own.is_file() else Path(shutil.which("kubectl") or own)
    if not found.is_file():
        raise Refused("kubectl is needed on the PATH, to make ServiceAccounts in the cluster.")
    return found


def server_for_containers(server: str, environment: Mapping[str, str]) -> str:
    """Return the API server's address for a container: as it is, unless another one is named.

    Raises Refused for an address of this machine alone: a container is another one.
    """
    named = environment.get(SERVER)
    if named:
        return named
    host = urlsplit(server).hostname or ""
    if _is_loopback(host):
        raise Refused(
            f"The kubeconfig has the API server at {server}, where a container finds itself. Say "
            f"where containers reach it, {SERVER}=https://host:port, and if that is in a Docker "
            f"network, {CLUSTER_NETWORK}=name (of kind: https://NAME-control-plane:6443 in kind)."
        )
    return server


def in_network(name: str | None) -> dict[str, str]:
    """Return what puts the services in a Docker network that is there; none: in one of their own.

    Their own has a way out of the machine.
    """
    return {CLUSTER_NETWORK: name, f"{CLUSTER_NETWORK}_IS_THERE": "true"} if name else {}


def cluster_of(kubectl: Kubectl) -> dict[str, Any]:
    """Return how the kubeconfig has the cluster: address, certificate and the like."""
    shown = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    cluster: dict[str, Any] = shown["clusters"][0]["cluster"]
    return cluster


def chosen() -> str | None:
    """Return the kubeconfig that the environment names, if any."""
    return os.environ.get(KUBECONFIG) or None


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
