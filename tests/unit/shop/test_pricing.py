import pytest

from shop.models import PaymentRequest, Product, QuoteRequest
from shop.services.payment import authorize
from shop.services.recommendation import similar
from shop.services.shipping import quote


@pytest.mark.parametrize(
    ("country", "items", "cost", "days"),
    [
        pytest.param("DE", 1, 390, 2, id="at home"),
        pytest.param("FR", 10, 790, 4, id="a neighbour, one full parcel"),
        pytest.param("US", 11, 2980, 8, id="far away, two parcels"),
    ],
)
def test_delivery(country: str, items: int, cost: int, days: int) -> None:
    quoted = quote(QuoteRequest(country=country, items=items))
    assert (quoted.cost_cents, quoted.days) == (cost, days)


def test_the_same_order_is_authorised_once() -> None:
    request = PaymentRequest(order_id="1", amount_cents=100)
    first, second = authorize(request, offline=False), authorize(request, offline=False)
    assert first is not None
    assert first == second
    assert first.settled


def test_offline_authorisations_are_to_be_settled_and_limited() -> None:
    small = authorize(PaymentRequest(order_id="1", amount_cents=50_000), offline=True)
    assert small is not None
    assert not small.settled
    assert authorize(PaymentRequest(order_id="1", amount_cents=50_001), offline=True) is None


def product(sku: str, category: str, price: int) -> Product:
    return Product(sku=sku, name=sku, category=category, price_cents=price)


def test_recommendations_are_near_in_category_and_price() -> None:
    shelf = [product(f"tea-{price}", "tea", price) for price in (100, 200, 300)]
    shelf += [product(f"cup-{price}", "cups", price) for price in (190, 900)]
    assert [near.sku for near in similar(shelf, "tea-200")] == [
        "tea-100",
        "tea-300",
        "cup-190",
        "cup-900",
    ]


def test_without_a_product_the_cheapest_are_recommended() -> None:
    shelf = [product(f"tea-{price}", "tea", price) for price in (500, 400, 300, 200, 100)]
    assert [near.price_cents for near in similar(shelf, None)] == [100, 200, 300, 400]
