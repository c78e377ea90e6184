"""What the shop offers to whoever repairs it."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from e2e.live.kube import Kube
from e2e.live.shop import SHOP, SKU, Customer, wait_until_whole
from e2e.live.waiting import seconds_until, wait_until

BREAKERS = "circuit-breakers"
EDGE = "storefront.recommendation"
IN_A_ROW = 8  # answers: the chance that one of two storefronts gave none of them is below 1 %


@pytest.fixture
def shop_in_the_end(kube: Kube) -> Iterator[None]:
    yield
    wait_until_whole(kube)


@pytest.fixture
def let_go(kube: Kube) -> Iterator[None]:
    yield
    kube.patch("ConfigMap", BREAKERS, SHOP, {"data": {EDGE: "auto"}})


@pytest.mark.usefixtures("let_go")
def test_an_opened_breaker_serves_the_fallback(
    kube: Kube, storefront: httpx.Client, record_property: Callable[[str, object], None]
) -> None:
    path = f"/products/{SKU}"

    def fallbacks() -> set[str]:
        """What stood in, over some answers of both storefronts."""
        answers = [storefront.get(path) for _ in range(IN_A_ROW)]
        assert {answer.status_code for answer in answers} == {200}
        return {answer.headers.get("X-Fallback", "none") for answer in answers}

    wait_until(lambda: fallbacks() == {"none"}, "no fallback at first", seconds=20)
    kube.patch("ConfigMap", BREAKERS, SHOP, {"data": {EDGE: "open"}})
    opened = seconds_until(lambda: fallbacks() == {EDGE}, "the fallback is served", seconds=5)
    kube.patch("ConfigMap", BREAKERS, SHOP, {"data": {EDGE: "auto"}})
    closed = seconds_until(lambda: fallbacks() == {"none"}, "the service answers again", seconds=5)
    record_property("open breaker", f"fallback after {opened:.1f} s, gone after {closed:.1f} s")


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("shop_in_the_end")
def test_an_order_survives_a_restart_of_its_database(
    kube: Kube, log_in: Callable[[], Customer]
) -> None:
    customer = log_in()
    line = customer.call("PUT", f"/cart/lines/{SKU}", {"quantity": 2})
    assert line.status_code == 204, line.text
    placed = customer.call("POST", "/orders", {"country": "DE"})
    assert placed.status_code == 201, placed.text
    order = placed.json()
    before = kube.get("Pod", "orders-db-0", SHOP).metadata.uid
    kube.delete("Pod", "orders-db-0", SHOP)

    def restarted() -> bool:
        return kube.exists("Pod", "orders-db-0", SHOP) and (
            kube.get("Pod", "orders-db-0", SHOP).metadata.uid != before
        )

    def found() -> Any:
        answer = customer.call("GET", f"/orders/{order['id']}")
        return answer.json() if answer.status_code == 200 else None

    wait_until(restarted, "a new database pod", seconds=60)
    assert wait_until(found, "the order is found again", seconds=60) == order


@pytest.mark.timeout(90)
def test_the_token_refresh_job_refreshes(kube: Kube) -> None:
    def token() -> str:
        return str(kube.get("Secret", "service-token", SHOP).data)

    before, job = token(), f"e2e-token-refresh-{secrets.token_hex(3)}"
    declared = kube.get("CronJob", "token-refresh", SHOP).spec.jobTemplate.spec.to_dict()
    kube.create(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job}, "spec": declared}, SHOP
    )
    try:
        done = wait_until(
            lambda: kube.get("Job", job, SHOP).status.succeeded, "the Job is done", seconds=60
        )
        assert done == 1
        assert token() != before
    finally:
        kube.delete("Job", job, SHOP)
