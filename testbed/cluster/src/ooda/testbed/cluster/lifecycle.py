"""Creates the cluster, finds out whether the one that runs will do, and removes it.

A cluster is complete when its key stands in a ConfigMap of its own: written last. One that is
not complete or not whole is never repaired but made again, which takes half a minute and has one
outcome. (Node containers that Docker revived after a crash may have each other's addresses.)
"""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from ooda.testbed import docker
from ooda.testbed.cluster import disks, network, nodes
from ooda.testbed.cluster.config import config_key, kind_config
from ooda.testbed.cluster.health import Facts, not_ready, why_not_usable
from ooda.testbed.commands import run, succeeds
from ooda.testbed.errors import CommandFailed, Unready
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CLUSTER, CONTEXT, NETWORK, NODES, Layout
from ooda.testbed.pins import Pins
from ooda.testbed.progress import Steps

_MARK = "ooda-testbed"
_READY_DEADLINE = 120.0  # seconds
_ANSWER_DEADLINE = 60.0
_OWN_NAMESPACES = ("kube-system", "local-path-storage")


@dataclass(frozen=True)
class Cluster:
    """The one cluster of this testbed."""

    layout: Layout
    pins: Pins
    kind: Path
    steps: Steps
    egress: bool

    @property
    def kubectl(self) -> Kubectl:
        """kubectl, taken out of the node image: the same version as the cluster."""
        return Kubectl(self.layout.binaries / "kubectl", self.layout.kubeconfig)

    @property
    def _incarnation(self) -> Path:
        """Names the node containers since they were last started, as creation left them."""
        return self.layout.state / "incarnation"

    def ensure(self) -> None:
        """Have a complete and ready cluster; do nothing where there is one. Raises TestbedError."""
        image = docker.image_id(self.pins.node) or ""
        self._fetch_kubectl(image)
        config = kind_config(self.pins.node, self.layout.disks)
        key = config_key(config, image, egress=self.egress)
        reason = why_not_usable(self._facts(), key)
        if reason is None:
            if not self.egress:
                network.close(self.pins.node)
            self._await_ready("waiting for the cluster")
            self._offer_context()
            return
        self.steps.say(f"Creating the cluster, because {reason}.")
        self.remove()
        try:
            self._create(yaml.safe_dump(config), key)
        except KeyboardInterrupt:
            self.remove()
            raise
        except Exception:
            self._keep_logs()
            self.remove()
            raise

    def remove(self) -> None:
        """Remove the cluster, its disks and its network, in whatever state they are."""
        states = nodes.node_states()
        if states:
            with self.steps.step("removing the cluster", "kind-delete"):
                run("docker", "rm", "--force", "--volumes", *states, deadline=120)
        if self.kind.is_file():  # its own part of it: the context in the user's kubeconfig
            run(str(self.kind), "delete", "cluster", "--name", CLUSTER)
        disks.remove_disks(self.layout.disks, self.pins.node)
        network.remove_network(self.pins.node)
        self.layout.kubeconfig.unlink(missing_ok=True)
        self._incarnation.unlink(missing_ok=True)

    def _create(self, config: str, key: str) -> None:
        disks.make_disks(self.layout.disks, self.pins.node)
        network.make_network(self.pins.node, egress=self.egress)
        with self.steps.step("creating three nodes with kind", "kind-create") as log:
            path = self.layout.state / "kind.yaml"
            path.write_text(config)
            run(
                str(self.kind), "create", "cluster", "--config", str(path), "--retain",
                "--kubeconfig", str(self.layout.kubeconfig),
                env={"KIND_EXPERIMENTAL_DOCKER_NETWORK": NETWORK},
                deadline=300, log=log,
            )  # fmt: skip
        with self.steps.step("loading images and adding metrics-server", "addons"):
            if not self.egress:
                self._close_dns()
            nodes.load_images(self.kind, list(self.pins.workloads.values()))
            manifest = self.layout.repository / "testbed/cluster/manifests/metrics-server.yaml"
            self.kubectl("apply", "--server-side", "-f", str(manifest))
        self._await_ready("waiting for nodes and system pods")
        self._offer_context()
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": _MARK, "namespace": "kube-system"},
                "data": {"key": key},
            }
        )
        self._incarnation.write_text(nodes.incarnation())

    def _facts(self) -> Facts:
        states = nodes.node_states()
        mounted = disks.all_mounted(self.layout.disks)
        kept = self._incarnation.read_text() if self._incarnation.is_file() else None
        revived = kept != nodes.incarnation()
        running = all(states.get(name) == "running" for name in NODES)
        key = self._read_key() if running and mounted and not revived else None
        return Facts(states, disks_mounted=mounted, key=key, revived=revived)

    def _read_key(self) -> str | None:
        """Read the key; a busy API server gets a minute to answer before it counts as gone."""
        selector = f"--field-selector=metadata.name={_MARK}"
        end = time.monotonic() + _ANSWER_DEADLINE
        while time.monotonic() < end:
            with suppress(CommandFailed):
                self._write_kubeconfig()
                found = self.kubectl.items("-n", "kube-system", "configmaps", selector)
                return str(found[0]["data"]["key"]) if found else None
            time.sleep(0.5)
        return None

    def _write_kubeconfig(self) -> None:
        if not self.layout.kubeconfig.is_file():
            run(
                str(self.kind), "export", "kubeconfig", "--name", CLUSTER,
                "--kubeconfig", str(self.layout.kubeconfig),
            )  # fmt: skip

    def _offer_context(self) -> None:
        """Have the cluster in the user's own kubeconfig, as kind does."""
        if succeeds(str(self.kubectl.program), "config", "get-contexts", CONTEXT):
            return
        run(str(self.kind), "export", "kubeconfig", "--name", CLUSTER)
        self.steps.say(f"kubectl now has the context {CONTEXT}.")

    def _fetch_kubectl(self, image: str) -> None:
        """Take kubectl out of the node image, once per image (its id)."""
        stamp = self.layout.binaries / "kubectl.image"
        if stamp.is_file() and stamp.read_text() == image:
            return
        run(
            "docker", "run", "--rm", "--network=none", "--entrypoint=sh",
            f"--volume={self.layout.binaries}:/out", self.pins.node,
            "-c", "cp --dereference $(command -v kubectl) /out/kubectl.new",
        )  # fmt: skip
        # The multi-call binary of our own build goes by the name it is called with.
        (self.layout.binaries / "kubectl.new").replace(self.kubectl.program)
        stamp.write_text(image)

    def _close_dns(self) -> None:
        """Take the forwarder out of CoreDNS: names outside the cluster are not asked for."""
        kubectl = self.kubectl
        corefile = kubectl(
            "-n", "kube-system", "get", "configmap", "coredns", "-o", "jsonpath={.data.Corefile}"
        )
        closed = without_forwarder(corefile)
        kubectl(
            "-n", "kube-system", "patch", "configmap", "coredns", "--type=merge", "-p",
            yaml.safe_dump({"data": {"Corefile": closed}}),
        )  # fmt: skip
        kubectl(
            "-n", "kube-system", "delete", "pods", "-l", "k8s-app=kube-dns", "--wait=false", "--now"
        )

    def _await_ready(self, title: str) -> None:
        end = time.monotonic() + _READY_DEADLINE
        waiting = self._waiting()
        if not waiting:
            return
        with self.steps.step(title, "ready"):
            while waiting:
                if time.monotonic() > end:
                    raise Unready(
                        f"Not ready after {_READY_DEADLINE:.0f} s: {', '.join(waiting)}. "
                        f"Look with `kubectl --context {CONTEXT} get pods -A`, "
                        "or start anew: make cluster-down."
                    )
                time.sleep(0.5)
                waiting = self._waiting()

    def _waiting(self) -> list[str]:
        with ThreadPoolExecutor() as pool:
            calls = [("nodes",), *(("-n", ns, "deployments,daemonsets") for ns in _OWN_NAMESPACES)]
            lists = pool.map(lambda call: self.kubectl.items(*call), calls)
            return not_ready([item for found in lists for item in found])

    def _keep_logs(self) -> None:
        folder = self.layout.logs / "nodes"
        shutil.rmtree(folder, ignore_errors=True)
        if set(nodes.node_states()) & set(NODES):
            try:
                run(str(self.kind), "export", "logs", str(folder), "--name", CLUSTER, deadline=60)
            except CommandFailed:
                return
            self.steps.say(f"What the nodes said is under {folder}.")


def without_forwarder(corefile: str) -> str:
    """Return a Corefile without its `forward` plugin, block or line."""
    kept: list[str] = []
    depth = 0
    for line in corefile.splitlines():
        word = line.split()[0] if line.split() else ""
        if word == "forward" or depth:
            depth += line.count("{") - line.count("}")
            continue
        kept.append(line)
    return "\n".join(kept) + "\n"
