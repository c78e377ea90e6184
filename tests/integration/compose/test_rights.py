"""What compose makes in a cluster, and takes away again, on a real API server."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ooda.testbed.compose.files import SERVICES
from ooda.testbed.compose.rights import LABEL, grant, refuse_beside_another, withdraw
from ooda.testbed.errors import Refused
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import COMPOSE_PROJECT, layout
from ooda.testbed.workloads.deploy import rendered
from servers.control_plane import ControlPlane, control_plane
from servers.processes import wait_until

SYSTEM = "ooda-system"
CLUSTER_ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "ooda-decider", "labels": {"made-by": "somebody"}},
}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of its own: what is in it before is what the tests put there."""
    with control_plane(tmp_path_factory.mktemp("compose")) as running:
        yield running


@pytest.fixture
def kubectl(cluster: ControlPlane) -> Kubectl:
    return Kubectl(cluster.programs / "kubectl", cluster.kubeconfig("set-up"), "x")


@pytest.fixture
def objects(kubectl: Kubectl) -> Iterator[list[dict[str, Any]]]:
    found = rendered(kubectl, layout().repository / "k8s/overlays/compose")
    yield found
    withdraw(kubectl, found)


def who(cluster: ControlPlane, token: str) -> str:
    """Say what the API server calls the bearer of a token."""
    config = cluster.kubeconfig("bearer", token)
    done = subprocess.run(
        [cluster.programs / "kubectl", f"--kubeconfig={config}", "auth", "whoami",
         "-o", "jsonpath={.status.userInfo.username}"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return done.stdout + done.stderr


def left(kubectl: Kubectl) -> list[str]:
    kinds = "secrets,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings"
    found = kubectl.items("-A", f"{kinds},namespaces,crds", f"--selector={LABEL}={COMPOSE_PROJECT}")
    return [f"{each['kind']} {each['metadata']['name']}" for each in found]


def test_each_service_is_given_a_token_of_its_own_account_that_ends_when_all_is_withdrawn(
    cluster: ControlPlane, kubectl: Kubectl, objects: list[dict[str, Any]]
) -> None:
    tokens = grant(kubectl, objects)
    for service in SERVICES:
        assert who(cluster, tokens[service].value) == (f"system:serviceaccount:{SYSTEM}:{service}")
    withdraw(kubectl, objects)
    assert left(kubectl) == []
    wait_until(lambda: "Unauthorized" in who(cluster, tokens["actor"].value), "it ends", 60)
    withdraw(kubectl, objects)


def test_what_was_there_before_stays(
    cluster: ControlPlane, kubectl: Kubectl, objects: list[dict[str, Any]]
) -> None:
    cluster.kubectl("create", "namespace", SYSTEM)
    kubectl.apply(CLUSTER_ROLE)
    grant(kubectl, objects)
    again = grant(kubectl, objects)
    assert who(cluster, again["observer"].value).endswith(":observer")
    withdraw(kubectl, objects)
    assert left(kubectl) == []
    assert cluster.kubectl("get", "namespace", SYSTEM, "-o", "name")
    assert cluster.kubectl("get", "clusterrole", "ooda-decider", "-o", "name")
    cluster.kubectl("delete", "namespace", SYSTEM)
    cluster.kubectl("delete", "clusterrole", "ooda-decider")


def test_an_agent_in_the_cluster_is_in_the_way_until_it_is_scaled_to_nothing(
    cluster: ControlPlane, kubectl: Kubectl
) -> None:
    refuse_beside_another(kubectl)
    cluster.kubectl("create", "namespace", SYSTEM)
    cluster.kubectl("-n", SYSTEM, "create", "deployment", "actor", "--image=ooda:dev")
    cluster.kubectl("-n", SYSTEM, "label", "deployment/actor", "app.kubernetes.io/part-of=ooda")
    with pytest.raises(Refused, match=r"in the cluster too \(actor\)"):
        refuse_beside_another(kubectl)
    cluster.kubectl("-n", SYSTEM, "scale", "deployment/actor", "--replicas=0")
    refuse_beside_another(kubectl)
    cluster.kubectl("delete", "namespace", SYSTEM)
