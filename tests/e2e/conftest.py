import base64
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from e2e.live import shop
from e2e.live.kube import Kube, connected
from e2e.live.prometheus import Prometheus
from e2e.live.shop import SHOP, Customer
from ooda.testbed.errors import CommandFailed
from ooda.testbed.kubectl import Kubectl
from ooda.testbed.layout import NODE_PORTS, layout

HERE = Path(__file__).parent
LOOPBACK_SECONDS = 10


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)
    # They take the cluster down, and leave one without the shop: all others come before.
    items.sort(key=lambda item: item.path.is_relative_to(HERE / "lifecycle"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests measured: each figure that a test recorded as a property."""
    measured = [
        f"{name}: {value}"
        for report in terminalreporter.getreports("passed")
        if report.when == "call"
        for name, value in report.user_properties
    ]
    if measured:
        terminalreporter.section("measured on the cluster")
        terminalreporter.write_line("\n".join(measured))


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    found = layout()
    bound = Kubectl(found.binaries / "kubectl", found.kubeconfig)
    try:
        bound("get", "--raw", "/readyz", deadline=10)
    except CommandFailed as failure:
        pytest.exit(f"These tests need the cluster with the shop; run `make shop`. {failure}", 1)
    return bound


@pytest.fixture(scope="session")
def kube(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    with connected(kubectl, tmp_path_factory.mktemp("discovery")) as reached:
        yield reached


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    with kube.namespace() as name:
        yield name


def _http(server: str) -> httpx.Client:
    address = f"http://127.0.0.1:{NODE_PORTS[server][0]}"
    return httpx.Client(base_url=address, timeout=LOOPBACK_SECONDS, trust_env=False)


@pytest.fixture(scope="session")
def prometheus(kubectl: Kubectl) -> Iterator[Prometheus]:  # noqa: ARG001 -- says if there is none
    with _http("Prometheus") as http:
        yield Prometheus(http)


@pytest.fixture(scope="session")
def locust(kubectl: Kubectl) -> Iterator[httpx.Client]:  # noqa: ARG001 -- says if there is none
    with _http("load generator") as http:
        yield http


@pytest.fixture(scope="session")
def storefront(kubectl: Kubectl) -> Iterator[httpx.Client]:  # noqa: ARG001 -- says if there is none
    with _http("storefront") as http:
        yield http


@pytest.fixture
def log_in(kube: Kube, storefront: httpx.Client) -> Callable[[], Customer]:
    encoded = kube.get("Secret", "shop-users", SHOP).data.password
    return partial(shop.log_in, storefront, base64.b64decode(encoded).decode())
