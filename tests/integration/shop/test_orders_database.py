"""Orders in a real Postgres: set up as in the cluster, restarted, and with a stale password."""

import asyncio
import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from servers.postgres import PASSWORD, Postgres
from shop.models import Line, Order, Payment
from shop.stores.errors import StoreUnavailableError
from shop.stores.postgres_orders import PostgresOrders

INIT_SCRIPT = Path(__file__).parents[3] / "testbed/shop/k8s/orders-db-init.sh"
ORDER = Order(
    id="order-1",
    user="customer-1",
    lines=[Line(sku="assam", quantity=1, unit_price_cents=890)],
    shipping_cents=390,
    total_cents=1280,
    payment=Payment(authorization="a", settled=True),
)


@pytest.fixture(scope="module")
def orders_dsn(postgres: Postgres) -> str:
    """The orders account's own DSN, in a database made by the script that the image runs."""
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGPASSWORD": PASSWORD}
    account = {"ORDERS_USERNAME": "orders", "ORDERS_PASSWORD": "it's secret"}
    env = {**os.environ, **server, "POSTGRES_USER": "postgres", **account}
    subprocess.run(["bash", INIT_SCRIPT], env=env, check=True, stdout=subprocess.DEVNULL)
    return postgres.dsn("orders", "it%27s%20secret", "orders")


async def test_the_account_keeps_orders_and_is_no_superuser(orders_dsn: str) -> None:
    orders = PostgresOrders(orders_dsn)
    await orders.open()
    await orders.add(ORDER)
    await orders.close()
    async with await psycopg.AsyncConnection.connect(orders_dsn) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("CREATE ROLE another")


async def test_an_order_survives_a_restart_and_the_pool_recovers(
    postgres: Postgres, orders_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    orders = PostgresOrders(orders_dsn)
    await orders.open()
    await orders.add(ORDER)
    postgres.stop()
    try:
        with pytest.raises(StoreUnavailableError):
            await orders.get(ORDER.id, ORDER.user)
        # The pool has given up by itself: the next request has to make it try again.
        await eventually(lambda: "failed after" in caplog.text)
    finally:
        postgres.start()
    assert await found_again(orders) == ORDER
    await orders.close()


async def test_a_wrong_password_is_told_in_the_words_of_postgres(
    postgres: Postgres, orders_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert orders_dsn
    orders = PostgresOrders(postgres.dsn("orders", "stale", "orders"))
    with caplog.at_level(logging.WARNING):
        await orders.open()
        with pytest.raises(StoreUnavailableError):
            await orders.get(ORDER.id, ORDER.user)
    await orders.close()
    assert 'password authentication failed for user "orders"' in caplog.text


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.05)


async def found_again(orders: PostgresOrders) -> Order | None:
    async with asyncio.timeout(5):
        while True:
            try:
                return await orders.get(ORDER.id, ORDER.user)
            except StoreUnavailableError:
                await asyncio.sleep(0.05)
