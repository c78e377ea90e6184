"""What happens when a service calls another: metrics on both sides, breakers, fallbacks."""

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from shop.kube import Kind

if TYPE_CHECKING:
    from .conftest import Shop

SERVER = "http_server_request_duration_seconds"
CLIENT = "http_client_request_duration_seconds"


async def test_both_sides_of_an_edge_are_measured(shop: "Shop") -> None:
    labels = {"http_request_method": "GET", "http_response_status_code": "200"}
    before = shop.count("storefront", CLIENT, server_address="recommendation", **labels)
    await shop.customer.get("/products/assam")
    after = shop.count("storefront", CLIENT, server_address="recommendation", **labels)
    assert after == before + 1
    assert shop.count("recommendation", SERVER, http_route="/recommendations", **labels) == 1
    assert shop.count("storefront", SERVER, http_route="/products/{sku}", **labels) == 1


async def test_buckets_reach_to_thirty_seconds(shop: "Shop") -> None:
    for name in (SERVER, CLIENT):
        bounds = {
            float(dict(labels)["le"])
            for sample, labels in shop.metrics("storefront")
            if sample == f"{name}_bucket"
        }
        assert {0.005, 0.25, 1.0, 10.0, 30.0} <= bounds


async def test_health_and_metrics_are_not_measured(shop: "Shop") -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await shop.customer.get(path)).status_code == 200
    routes = {dict(labels).get("http_route") for _, labels in shop.metrics("storefront")}
    assert routes.isdisjoint({"/healthz", "/readyz", "/metrics"})


async def test_a_call_that_is_not_answered_ends_at_the_deadline(shop: "Shop") -> None:
    shop.network.silent.add("recommendation")
    answer = await shop.customer.get("/products/assam")
    assert answer.status_code == 200
    assert answer.headers["X-Fallback"] == "storefront.recommendation"
    assert len(answer.json()["recommendations"]) == 4
    assert (
        shop.count(
            "storefront",
            CLIENT,
            http_request_method="GET",
            server_address="recommendation",
            error_type="timeout",
        )
        == 1
    )
    fallbacks = ("shop_fallbacks_total", frozenset({("edge", "storefront.recommendation")}))
    assert shop.metrics("storefront")[fallbacks] == 1


async def test_a_refused_connection_is_named_as_such(shop: "Shop") -> None:
    shop.network.refused.add("cart")
    assert (await shop.customer.get("/cart")).json() == {"lines": [], "degraded": True}
    assert (
        shop.count(
            "storefront",
            CLIENT,
            http_request_method="GET",
            server_address="cart",
            error_type="ConnectError",
        )
        == 1
    )


async def test_failures_in_a_row_open_the_edge(shop: "Shop") -> None:
    shop.network.refused.add("cart")
    for _ in range(7):
        await shop.customer.get("/cart")
    gauge = ("shop_circuit_breaker_open", frozenset({("edge", "storefront.cart")}))
    assert shop.metrics("storefront")[gauge] == 1
    labels = {"http_request_method": "GET", "server_address": "cart", "error_type": "ConnectError"}
    assert shop.count("storefront", CLIENT, **labels) == 5


@pytest.mark.parametrize("edge", ["checkout.payment", "checkout.shipping", "checkout.cart"])
async def test_an_order_rests_on_the_fallback_of_an_edge_held_open(shop: "Shop", edge: str) -> None:
    await shop.customer.put("/cart/lines/assam", json={"quantity": 1})
    await shop.kube.put(Kind.CONFIG_MAP, "circuit-breakers", {edge: "open"})
    order = {"country": "DE", "lines": [{"sku": "assam", "quantity": 1}]}
    async with asyncio.timeout(1.0):
        answer = await shop.customer.post("/orders", json=order)
        while "X-Fallback" not in answer.headers:
            answer = await shop.customer.post("/orders", json=order)
    assert answer.status_code == 201
    assert answer.headers["X-Fallback"] == edge
    placed = answer.json()
    assert placed["payment"]["settled"] is (edge != "checkout.payment")
    assert placed["shipping_cents"] == (990 if edge == "checkout.shipping" else 390)
    assert placed["lines"] == [{"sku": "assam", "quantity": 1, "unit_price_cents": 890}]


async def test_an_edge_let_go_is_used_again(shop: "Shop") -> None:
    def degraded(answer: httpx.Response) -> bool:
        return bool(answer.json()["degraded"])

    await shop.kube.put(Kind.CONFIG_MAP, "circuit-breakers", {"storefront.cart": "open"})
    answer = await shop.answered("/cart", degraded)
    assert answer.headers["X-Fallback"] == "storefront.cart"
    await shop.kube.put(Kind.CONFIG_MAP, "circuit-breakers", {"storefront.cart": "auto"})
    answer = await shop.answered("/cart", lambda answer: not degraded(answer))
    assert "X-Fallback" not in answer.headers


async def test_without_cart_and_confirmed_lines_an_order_waits(shop: "Shop") -> None:
    shop.network.refused.add("cart")
    answer = await shop.customer.post("/orders", json={"country": "DE"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("server", "method", "path", "body"),
    [
        ("auth", "POST", "/login", {"username": "customer-1", "password": "pw"}),
        ("checkout", "POST", "/orders", {"country": "DE"}),
        ("cart", "PUT", "/cart/lines/assam", {"quantity": 1}),
    ],
)
async def test_where_nothing_can_stand_in_it_fails_fast(
    shop: "Shop", server: str, method: str, path: str, body: dict[str, object]
) -> None:
    shop.network.refused.add(server)
    answer = await shop.customer.request(method, path, json=body)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert f"storefront.{server}" in answer.json()["detail"]


async def test_payment_and_its_fallback_gone_is_an_honest_error(shop: "Shop") -> None:
    await shop.customer.put("/cart/lines/assam", json={"quantity": 1})
    shop.network.refused |= {"payment", "payment-fallback"}
    answer = await shop.customer.post("/orders", json={"country": "DE"})
    assert answer.status_code == 503
    assert (await shop.customer.get("/cart")).json()["lines"] != []
