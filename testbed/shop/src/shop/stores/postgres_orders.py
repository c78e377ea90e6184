from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from typing_extensions import override

from shop.models import Order
from shop.stores.errors import StoreUnavailableError
from shop.stores.orders import OrderStore

CONNECT_SECONDS = 2
WAIT_SECONDS = 1.0  # how long a request waits for a connection
# The pool backs off ever longer while it tries again by itself; when it gives up early,
# the next request makes it try, so that a database that is back is used at once.
GIVE_UP_SECONDS = 2.0
STATEMENT_TIMEOUT = "-c statement_timeout=1500"

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id         text PRIMARY KEY,
    username   text NOT NULL,
    placed_at  timestamptz NOT NULL DEFAULT now(),
    body       jsonb NOT NULL
)
"""


class PostgresOrders(OrderStore):
    """Orders in Postgres, one row each."""

    def __init__(self, conninfo: str) -> None:
        self._pool = AsyncConnectionPool(
            conninfo,
            kwargs={
                "autocommit": True,
                "connect_timeout": CONNECT_SECONDS,
                "options": STATEMENT_TIMEOUT,
                "application_name": "checkout",
            },
            min_size=1,
            max_size=4,
            timeout=WAIT_SECONDS,
            reconnect_timeout=GIVE_UP_SECONDS,
            check=AsyncConnectionPool.check_connection,
            configure=_create_table,
            name="orders",
            open=False,
        )

    @override
    async def open(self) -> None:
        await self._pool.open(wait=False)

    @override
    async def close(self) -> None:
        await self._pool.close()

    @override
    async def add(self, order: Order) -> None:
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO orders (id, username, body) VALUES (%s, %s, %s)"
                " ON CONFLICT (id) DO NOTHING",
                (order.id, order.user, order.model_dump_json()),
            )

    @override
    async def get(self, order_id: str, user: str) -> Order | None:
        async with self._connection() as connection:
            cursor = await connection.execute(
                "SELECT body FROM orders WHERE id = %s AND username = %s", (order_id, user)
            )
            row = await cursor.fetchone()
        return Order.model_validate(row[0]) if row else None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout, OSError) as error:
            raise StoreUnavailableError(str(error).strip()) from error


async def _create_table(connection: AsyncConnection) -> None:
    """Make sure of the table on every new connection: the database may be a new one, too."""
    await connection.execute(SCHEMA)
