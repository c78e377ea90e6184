"""What every cart store does, in memory and in Redis."""

import uuid
from collections.abc import AsyncIterator

import pytest

from shop.models import Line
from shop.stores.carts import CartStore, MemoryCarts
from shop.stores.errors import StoreUnavailableError
from shop.stores.redis_carts import RedisCarts

TEA = Line(sku="assam", quantity=1, unit_price_cents=890)
CUP = Line(sku="cup-blue", quantity=2, unit_price_cents=790)


@pytest.fixture(params=["memory", "redis"])
async def carts(request: pytest.FixtureRequest) -> AsyncIterator[CartStore]:
    store: CartStore = (
        MemoryCarts()
        if request.param == "memory"
        else RedisCarts(request.getfixturevalue("redis_url"))
    )
    yield store
    await store.close()


@pytest.fixture
def user() -> str:
    return uuid.uuid4().hex


async def test_a_new_customer_has_an_empty_cart(carts: CartStore, user: str) -> None:
    assert await carts.lines(user) == []


async def test_lines_are_kept_in_order_of_product(carts: CartStore, user: str) -> None:
    await carts.put(user, CUP)
    await carts.put(user, TEA)
    assert await carts.lines(user) == [TEA, CUP]


async def test_a_product_has_one_line(carts: CartStore, user: str) -> None:
    more = TEA.model_copy(update={"quantity": 5})
    await carts.put(user, TEA)
    await carts.put(user, more)
    assert await carts.lines(user) == [more]


async def test_a_cleared_cart_is_empty_and_others_are_not(carts: CartStore, user: str) -> None:
    await carts.put(user, TEA)
    await carts.put(f"not {user}", CUP)
    await carts.clear(user)
    assert await carts.lines(user) == []
    assert await carts.lines(f"not {user}") == [CUP]


async def test_no_redis_is_said_so() -> None:
    carts = RedisCarts("redis://127.0.0.1:1/0")
    with pytest.raises(StoreUnavailableError, match=r"Connect call failed|connecting"):
        await carts.lines("anybody")
    await carts.close()
