import json
from collections.abc import Mapping

import pytest

from shop.models import Product
from shop.prices import PriceListError, Prices, parse

TEA = {"sku": "assam", "name": "Assam", "category": "tea", "price_cents": 890}


def test_a_price_list_is_read() -> None:
    assert parse({"prices.json": json.dumps([TEA])}) == (Product.model_validate(TEA),)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param({}, "no key 'prices.json'", id="no key"),
        pytest.param({"prices.json": "{"}, "Invalid JSON", id="no JSON"),
        pytest.param({"prices.json": "[]"}, "at least 1 item", id="empty"),
        pytest.param(
            {"prices.json": json.dumps([{**TEA, "price_cents": -1}])},
            "prices.json 0/price_cents: .*greater than or equal to 0",
            id="a negative price",
        ),
        pytest.param(
            {"prices.json": json.dumps([{**TEA, "colour": "brown"}])},
            "0/colour: Extra inputs",
            id="a misspelt field",
        ),
    ],
)
def test_a_bad_price_list_says_where_it_is_wrong(data: Mapping[str, str], message: str) -> None:
    with pytest.raises(PriceListError, match=message):
        parse(data)


def test_prices_are_vouched_for_until_they_are_too_old() -> None:
    prices, products = Prices(max_age=10.0), (Product.model_validate(TEA),)
    assert prices.current(0.0) is None
    prices.renew(products, 100.0)
    assert prices.current(110.0) == products
    assert prices.current(110.1) is None
