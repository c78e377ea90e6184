"""Orders to the node containers: which images they hold, loading more."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ooda.testbed import docker
from ooda.testbed.commands import run
from ooda.testbed.images.keys import key_of
from ooda.testbed.layout import CLUSTER, NODES
from ooda.testbed.pins import names_registry


def held_images(node: str) -> set[str]:
    """Full names of the images in a node's containerd. Raises CommandFailed."""
    return set(run("docker", "exec", node, "ctr", "-n", "k8s.io", "images", "ls", "-q").split())


def full_name(reference: str) -> str:
    """Return a reference as containerd writes it: Docker's short names written out."""
    first, _, rest = reference.partition("/")
    if not rest:
        return f"docker.io/library/{reference}"
    return reference if names_registry(first) else f"docker.io/{reference}"


def load_images(kind: Path, references: list[str], into: Sequence[str] = NODES) -> None:
    """Have images from Docker in every node, or in those given. Raises CommandFailed."""
    with ThreadPoolExecutor() as pool:
        held = dict(zip(into, pool.map(held_images, into), strict=True))
    missing = {node: {r for r in references if full_name(r) not in held[node]} for node in into}
    wanted = sorted(set().union(*missing.values()))
    if not wanted:
        return
    with TemporaryDirectory(prefix="ooda-images-") as folder:
        archive = Path(folder) / "images.tar"
        run("docker", "save", "--output", str(archive), *wanted, deadline=300)
        nodes = ",".join(node for node in into if missing[node])
        run(
            str(kind), "load", "image-archive", str(archive), "--name", CLUSTER, "--nodes", nodes,
            deadline=300,
        )  # fmt: skip


def all_attached_to(network: str) -> bool:
    """Whether every node container of a cluster of our name is in a Docker network."""
    return all(network in node["NetworkSettings"]["Networks"] for node in _nodes())


def node_states() -> dict[str, str]:
    """Docker's state of each node container of a cluster of our name."""
    return {name: state["Status"] for name, state in _states().items()}


def incarnation() -> str:
    """Key of the node containers since they were last started."""
    return key_of(sorted((name, state["StartedAt"]) for name, state in _states().items()))


def _states() -> dict[str, dict[str, str]]:
    return {node["Name"].removeprefix("/"): node["State"] for node in _nodes()}


def _nodes() -> list[dict[str, Any]]:
    return docker.containers(f"io.x-k8s.kind.cluster={CLUSTER}")
