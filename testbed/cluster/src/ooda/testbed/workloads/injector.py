"""The injector, its reaper and fault-agent: pinned to the very cluster that they are put into."""

import json

from ooda.testbed.cluster.lifecycle import Cluster
from ooda.testbed.errors import Refused
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import NODES
from ooda.testbed.workloads.agent import load_image, start
from ooda.testbed.workloads.deploy import Credential, await_rollouts, create_credentials, exists
from ooda.testbed.workloads.logins import SYSTEM
from ooda.testbed.workloads.platform import write_local_config

APPROVED = ("fault-injection-shop",)
"""The namespaces of the testbed that may be broken."""
FAULT_AGENT = "ooda-fault-agent"
"""The namespace of fault-agent."""
_DEADLINE = 120.0  # seconds


def ensure_injector(cluster: Cluster) -> None:
    """Have the injector running beside the agent and the shop. Raises TestbedError."""
    _ensure(cluster, "injector")


def ensure_injector_alone(cluster: Cluster) -> None:
    """Have the injector running beside the shop, without an agent. Raises TestbedError."""
    if exists(cluster.kubectl, "deployment", SYSTEM, "observer"):
        raise Refused(
            "The agent is on this cluster, so the injector would not be alone: "
            "`make injector` puts it beside the agent, `make cluster-down` makes room."
        )
    _ensure(cluster, "injector-only")
    write_local_config(cluster)


def _ensure(cluster: Cluster, overlay: str) -> None:
    image = load_image(cluster, NODES)
    with cluster.steps.step("starting the injector", "injector"):
        create_credentials(cluster.kubectl, fence(cluster.kubectl))
        start(cluster, image, overlay)
        await_rollouts(cluster.kubectl, FAULT_AGENT, _DEADLINE, "daemonsets")


def fence(kubectl: Kubectl) -> Credential:
    """Return what may be broken: this cluster, by its identity, and the approved namespaces."""
    path = "jsonpath={.metadata.uid}"
    values = {
        "cluster": kubectl("get", "namespace", "kube-system", "-o", path).strip(),
        "namespaces": json.dumps(APPROVED),
    }
    return Credential(SYSTEM, "injector-fence", values, kind="ConfigMap")
