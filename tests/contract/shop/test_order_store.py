"""What every order store does, in memory and in Postgres."""

import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from shop.models import Line, Order, Payment
from shop.stores.orders import MemoryOrders, OrderStore
from shop.stores.postgres_orders import PostgresOrders

if TYPE_CHECKING:
    from servers.postgres import Postgres


def an_order() -> Order:
    return Order(
        id=str(uuid.uuid4()),
        user="customer-1",
        lines=[Line(sku="assam", quantity=2, unit_price_cents=890)],
        shipping_cents=390,
        total_cents=2170,
        payment=Payment(authorization="a", settled=True),
    )


@pytest.fixture(params=["memory", "postgres"])
async def orders(request: pytest.FixtureRequest) -> AsyncIterator[OrderStore]:
    store: OrderStore = MemoryOrders()
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        store = PostgresOrders(server.dsn())
    await store.open()
    yield store
    await store.close()


async def test_an_order_is_found_again(orders: OrderStore) -> None:
    order = an_order()
    await orders.add(order)
    assert await orders.get(order.id, order.user) == order


async def test_the_same_order_twice_is_one(orders: OrderStore) -> None:
    order = an_order()
    await orders.add(order)
    await orders.add(order.model_copy(update={"total_cents": 1}))
    assert await orders.get(order.id, order.user) == order


async def test_an_order_is_its_customers_alone(orders: OrderStore) -> None:
    order = an_order()
    await orders.add(order)
    assert await orders.get(order.id, "customer-2") is None
    assert await orders.get("no-such-order", order.user) is None
