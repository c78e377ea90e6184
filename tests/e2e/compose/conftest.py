import json
from collections.abc import Iterator

import pytest

from e2e.live.kube import Kube
from e2e.live.ooda import Ooda
from e2e.live.shop import SHOP, wait_until_whole
from e2e.live.testbed import run_testbed
from e2e.live.waiting import wait_until
from ooda.testbed.compose.running import Compose
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import layout
from ooda.testbed.progress import Steps
from ooda.testbed.workloads.agent import PART_OF
from ooda.testbed.workloads.logins import SYSTEM

MODE = "ooda.dev/mode"
ROLLOUT_SECONDS = 120.0
LEASE_SECONDS = 60.0


@pytest.fixture(scope="module")
def nothing_left(kubectl: Kubectl) -> None:  # noqa: ARG001 -- says if there is no cluster
    """Containers of an earlier run that was killed are gone, whatever state they were in."""
    run_testbed("compose-down")


@pytest.fixture(scope="module")
def agent_away(kubectl: Kubectl, nothing_left: None) -> Iterator[None]:  # noqa: ARG001
    """The agent in the cluster is scaled to nothing; afterwards it is as it was."""
    found = kubectl.items("-n", SYSTEM, "deployments", f"--selector={PART_OF}")
    before = {each["metadata"]["name"]: each["spec"]["replicas"] for each in found}
    for name in before:
        _scale(kubectl, name, 0)
    wait_until(
        lambda: (
            not [
                each
                for each in kubectl.items("-n", SYSTEM, "pods", f"--selector={PART_OF}")
                if each["status"]["phase"] == "Running"
                and each["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
            ]
        ),
        "the agent's pods are gone",
        ROLLOUT_SECONDS,
    )
    yield
    for name, replicas in before.items():
        _scale(kubectl, name, replicas)
    for name in before:
        kubectl(
            "-n", SYSTEM, "rollout", "status", f"deployment/{name}", deadline=ROLLOUT_SECONDS
        )  # fmt: skip


@pytest.fixture(scope="module")
def compose(kubectl: Kubectl, agent_away: None) -> Iterator[Compose]:  # noqa: ARG001
    """The agent in containers; programs of this machine are told of it."""
    places = layout()
    with Steps(places.logs) as steps, pytest.MonkeyPatch.context() as patch:
        made = Compose(places, steps)
        patch.setenv("OODA_CONFIG", str(made.folder.config))
        try:
            run_testbed("compose")
            # Whoever held the Leases before may have been killed, and they run out first.
            wait_until(lambda: all_answer(kubectl), "all services answer", LEASE_SECONDS)
            yield made
        finally:
            run_testbed("compose-down")


@pytest.fixture(scope="module")
def automatic(kube: Kube) -> Iterator[None]:
    """The agent may act in the shop, which is whole; then it is as it was before."""
    wait_until_whole(kube)
    before = kube.get("Namespace", SHOP).metadata.labels.to_dict().get(MODE)
    _set_mode(kube, "auto")
    yield
    _set_mode(kube, before)


def all_answer(kubectl: Kubectl) -> bool:
    try:
        return bool(Ooda(kubectl.kubeconfig).json("status")["ok"])
    except AssertionError:  # one does not
        return False


def _set_mode(kube: Kube, mode: str | None) -> None:
    kube.kind("Namespace").patch(
        name=SHOP,
        body={"metadata": {"labels": {MODE: mode}}},
        content_type="application/merge-patch+json",
    )


def _scale(kubectl: Kubectl, name: str, replicas: int) -> None:
    body = json.dumps({"spec": {"replicas": replicas}})
    kubectl("-n", SYSTEM, "patch", f"deployment/{name}", "--type=merge", "-p", body)
