"""The injector and its reaper: pinned to the very cluster that they are put into."""

import json

from ooda.testbed.cluster import nodes
from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import CONTROL_PLANE
from ooda.testbed.workloads.agent import agent_image, agent_objects, ensure_image
from ooda.testbed.workloads.deploy import (
    Credential,
    apply_folder,
    await_rollouts,
    create_credentials,
    read_secrets,
    rendered,
)
from ooda.testbed.workloads.logins import SYSTEM

APPROVED = ("fault-injection-shop",)
"""The namespaces of the testbed that may be broken."""
_DEADLINE = 120.0  # seconds


def ensure_injector(cluster: Cluster) -> None:
    """Have the injector running beside the agent and the shop. Raises TestbedError."""
    image = agent_image(cluster.layout, cluster.pins)
    ensure_image(cluster.layout, cluster.steps, image)
    kubectl, folders = cluster.kubectl, cluster.layout.repository / "k8s"
    with cluster.steps.step("loading the injector's image into its node", "injector-load"):
        nodes.load_images(cluster.kind, [image], [CONTROL_PLANE])
    with cluster.steps.step("starting the injector", "injector"):
        apply_folder(kubectl, folders / "base/crds")
        create_credentials(kubectl, fence(kubectl))
        written = rendered(kubectl, folders / "overlays/kind/injector")
        objects = agent_objects(written, image, read_secrets(kubectl, SYSTEM))
        kubectl.apply(*objects, deadline=60)
        await_rollouts(kubectl, SYSTEM, _DEADLINE, "deployments")


def fence(kubectl: Kubectl) -> Credential:
    """Return what may be broken: this cluster, by its identity, and the approved namespaces."""
    path = "jsonpath={.metadata.uid}"
    values = {
        "cluster": kubectl("get", "namespace", "kube-system", "-o", path).strip(),
        "namespaces": json.dumps(APPROVED),
    }
    return Credential(SYSTEM, "injector-fence", values, kind="ConfigMap")
