from collections.abc import Callable, Iterator

import pytest

from e2e.live.bus import Ear, ear
from e2e.live.incidents import Scene
from e2e.live.kube import Kube
from e2e.live.ooda import Ooda
from e2e.live.shop import SHOP, wait_until_whole
from e2e.live.workloads import Workload, keeper, workloads
from ooda.common.settings import Settings
from ooda.testbed.kubectl import Kubectl

MODE = "ooda.dev/mode"
STOP = "ooda-stop"
SYSTEM = "ooda-system"
QUIET_SECONDS = 60.0

SetMode = Callable[[str | None], None]


@pytest.fixture(scope="session")
def hearing(kubectl: Kubectl) -> Iterator[Ear]:
    """The bus; what is missing says `make agent`."""
    agent = kubectl("-n", SYSTEM, "get", "deployments", "-o", "name")
    settings = Settings.load().nats
    if "actor" not in agent or settings is None:
        pytest.exit("These tests need the agent on the cluster; run `make agent`.", 1)
    with ear(settings) as heard:
        yield heard


@pytest.fixture(scope="session")
def ooda(kubectl: Kubectl) -> Ooda:
    return Ooda(kubectl.kubeconfig)


@pytest.fixture(scope="session")
def set_mode(kube: Kube) -> SetMode:
    """How far the agent may go in the shop; None: what is so where nothing is said."""

    def label(mode: str | None) -> None:
        kube.kind("Namespace").patch(
            name=SHOP,
            body={"metadata": {"labels": {MODE: mode}}},
            content_type="application/merge-patch+json",
        )

    return label


@pytest.fixture(scope="module")
def idle_set(kube: Kube) -> Iterator[Workload]:
    """A StatefulSet that may be broken: the shop has only its database."""
    with keeper(kube) as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def known_and_automatic(
    kube: Kube, set_mode: SetMode, idle_set: Workload, hearing: Ear
) -> Iterator[None]:
    """The shop is whole, known to be good, and the agent may act in it; then as it was before.

    Not for the whole session: other folders' tests take this cluster down."""
    wait_until_whole(kube)
    before = kube.get("Namespace", SHOP).metadata.labels.to_dict().get(MODE)
    set_mode("auto")
    for each in (*workloads(kube), idle_set):
        each.wait_until_known()
    Scene(hearing, SHOP, hearing.now()).quiet(QUIET_SECONDS)
    yield
    set_mode(before)


@pytest.fixture
def scene(hearing: Ear) -> Scene:
    return Scene(hearing, SHOP, hearing.now())


@pytest.fixture(autouse=True)
def as_it_was(kube: Kube, set_mode: SetMode, hearing: Ear) -> Iterator[None]:
    """Whatever a test found, the next one begins with a shop that is whole and quiet."""
    before = [(each, each.read()) for each in workloads(kube)]
    yield
    kube.delete("ConfigMap", STOP, SYSTEM)
    set_mode("auto")
    for each, read in before:
        each.put_back(read)
        _forget_stuck(kube, each)
    wait_until_whole(kube)
    Scene(hearing, SHOP, hearing.now()).quiet(QUIET_SECONDS)


def _forget_stuck(kube: Kube, workload: Workload) -> None:
    """Delete pods that a StatefulSet never replaces: those of a template that never got ready."""
    if workload.kind == "StatefulSet" and not workload.complete():
        for pod in workload.pods():
            if pod.status.phase == "Pending":
                kube.delete("Pod", pod.metadata.name, SHOP)
