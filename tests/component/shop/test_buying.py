"""A customer's way through the whole shop."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Shop


async def fill_cart(shop: "Shop") -> None:
    answer = await shop.customer.put("/cart/lines/assam", json={"quantity": 2})
    assert answer.status_code == 204


async def test_a_customer_browses_fills_a_cart_and_orders(shop: "Shop") -> None:
    page = (await shop.customer.get("/products", params={"page": 2})).json()
    assert (page["page"], page["pages"], len(page["items"])) == (2, 2, 12)
    view = (await shop.customer.get("/products/assam")).json()
    assert view["product"]["price_cents"] == 890
    assert [near["category"] for near in view["recommendations"]] == ["tea"] * 4
    sweet = (await shop.customer.get("/products/shortbread")).json()
    assert [near["category"] for near in sweet["recommendations"]] == ["sweets"] * 4
    await fill_cart(shop)
    line = {"sku": "assam", "quantity": 2, "unit_price_cents": 890}
    assert (await shop.customer.get("/cart")).json() == {"lines": [line], "degraded": False}
    order = await shop.customer.post("/orders", json={"country": "DE"})
    assert order.status_code == 201
    assert "X-Fallback" not in order.headers
    placed = order.json()
    assert placed["total_cents"] == 2 * 890 + 390
    assert placed["payment"]["settled"] is True
    assert (await shop.customer.get(f"/orders/{placed['id']}")).json() == placed
    assert (await shop.customer.get("/cart")).json()["lines"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/products/no-such-tea", None, 404, id="no such product"),
        pytest.param("GET", "/orders/no-such-order", None, 404, id="no such order"),
        pytest.param("GET", "/no-such-page", None, 404, id="no such page"),
        pytest.param("GET", "/products?page=0", None, 422, id="a page that cannot be"),
        pytest.param("GET", "/products/NOT%20A%20SKU", None, 422, id="no product number"),
        pytest.param("PUT", "/cart/lines/assam", {"quantity": 0}, 422, id="none of it"),
        pytest.param("PUT", "/cart/lines/assam", {"quantity": 21}, 422, id="too many"),
        pytest.param("PUT", "/cart/lines/assam", {"amount": 1}, 422, id="a misspelt field"),
        pytest.param("PUT", "/cart/lines/no-such-tea", {"quantity": 1}, 404, id="not sold"),
        pytest.param("POST", "/orders", {"country": "Germany"}, 422, id="no country code"),
        pytest.param("POST", "/orders", {"country": "DE"}, 409, id="an empty cart"),
        pytest.param(
            "POST", "/login", {"username": "mallory", "password": "pw"}, 401, id="unknown"
        ),
        pytest.param(
            "POST", "/login", {"username": "customer-1", "password": "x"}, 401, id="wrong"
        ),
    ],
)
async def test_bad_input_is_answered_with_a_reason(
    shop: "Shop", method: str, path: str, body: dict[str, object] | None, status: int
) -> None:
    answer = await shop.customer.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_orders_of_others_are_not_shown(shop: "Shop") -> None:
    await fill_cart(shop)
    placed = (await shop.customer.post("/orders", json={"country": "DE"})).json()
    login = {"username": "customer-2", "password": "pw"}
    token = (await shop.customer.post("/login", json=login)).json()["token"]
    other = {"Authorization": f"Bearer {token}"}
    answer = await shop.customer.get(f"/orders/{placed['id']}", headers=other)
    assert answer.status_code == 404


async def test_an_error_of_ours_shows_no_trace(shop: "Shop") -> None:
    shop.orders.defect = ZeroDivisionError("a secret detail")
    answer = await shop.customer.get("/orders/1")
    assert answer.status_code == 503
    assert "secret" not in answer.text
    assert (
        shop.count(
            "checkout",
            "http_server_request_duration_seconds",
            http_request_method="GET",
            http_response_status_code="500",
            http_route="/orders/{order_id}",
            error_type="500",
        )
        == 1
    )
