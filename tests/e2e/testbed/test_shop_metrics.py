"""What the shop says of its traffic: both sides of every edge."""

from collections.abc import Callable

import pytest

from e2e.live.prometheus import Prometheus
from e2e.live.shop import Customer
from e2e.live.waiting import wait_until

EDGES = {
    ("storefront", "auth"),
    ("storefront", "cart"),
    ("storefront", "catalog"),
    ("storefront", "checkout"),
    ("storefront", "recommendation"),
    ("recommendation", "catalog"),
    ("checkout", "cart"),
    ("checkout", "payment"),
    ("checkout", "shipping"),
}
"""All that are called at rest; payment-fallback only is when payment fails."""

CLIENT_RATE = """
sum by (service, server_address) (rate(http_client_request_duration_seconds_count[30s])) > 0
"""
SERVER_RATE = "sum by (service) (rate(http_server_request_duration_seconds_count[30s])) > 0"


def test_every_edge_is_counted_on_both_sides(
    prometheus: Prometheus, log_in: Callable[[], Customer]
) -> None:
    def counted() -> bool:
        log_in()  # the other customers do so every ten minutes only
        called = {
            (sample.labels["service"], sample.labels["server_address"])
            for sample in prometheus.ask(CLIENT_RATE)
        }
        served = {sample.labels["service"] for sample in prometheus.ask(SERVER_RATE)}
        return called >= EDGES and served >= {server for _, server in EDGES}

    wait_until(counted, "both sides of all edges", seconds=40)


@pytest.mark.parametrize("job", ["pods", "cadvisor", "kubelet", "kubelet-resource"])
def test_prometheus_reaches_what_it_scrapes(prometheus: Prometheus, job: str) -> None:
    def all_up() -> bool:
        targets = prometheus.ask(f'up{{job="{job}"}}')
        return bool(targets) and all(target.value == 1 for target in targets)

    wait_until(all_up, f"all targets of {job} are up", seconds=30)
