"""The price list: what it has to look like, and how long a copy of it may be used."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from shop.models import Product

PRICES_KEY = "prices.json"
_PRICE_LIST = TypeAdapter(Annotated[list[Product], Field(min_length=1, max_length=1000)])


class PriceListError(Exception):
    """The ConfigMap does not hold a price list; the text says where it is wrong."""


def parse(data: Mapping[str, str]) -> tuple[Product, ...]:
    """Read the price list from a ConfigMap's data; raises PriceListError."""
    if PRICES_KEY not in data:
        raise PriceListError(f"the ConfigMap has no key {PRICES_KEY!r}")
    try:
        return tuple(_PRICE_LIST.validate_json(data[PRICES_KEY]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "/".join(str(part) for part in first["loc"])
        raise PriceListError(f"{PRICES_KEY} {where}: {first['msg']}") from error


class Prices:
    """The last price list read, with the time of reading in seconds of a monotonic clock."""

    def __init__(self, max_age: float) -> None:
        self._max_age = max_age
        self._products: tuple[Product, ...] = ()
        self._read_at: float | None = None

    def renew(self, products: tuple[Product, ...], now: float) -> None:
        """Take over a list that was read just now."""
        self._products, self._read_at = products, now

    def current(self, now: float) -> tuple[Product, ...] | None:
        """Return the list, or None if it is too old to be vouched for."""
        fresh = self._read_at is not None and now - self._read_at <= self._max_age
        return self._products if fresh else None
