from collections.abc import Iterator

import pytest

from e2e.live.injections import Injections
from e2e.live.kube import Kube
from e2e.live.ooda import Ooda
from e2e.live.shop import restore, wait_until_whole
from ooda.testbed.kubectl import Kubectl


@pytest.fixture(scope="session")
def injections(kubectl: Kubectl) -> Injections:
    """Faults by the command; where there is no injector, that says `make injector`."""
    found = kubectl("get", "daemonsets", "--all-namespaces", "-o", "name")
    if "fault-agent" not in found:
        pytest.exit("These tests need the injector on the cluster; run `make injector`.", 1)
    return Injections(Ooda(kubectl.kubeconfig))


@pytest.fixture(autouse=True)
def whole(kube: Kube) -> Iterator[None]:
    """The shop is whole before, and whatever a test found, after."""
    wait_until_whole(kube)
    yield
    restore(kube)
