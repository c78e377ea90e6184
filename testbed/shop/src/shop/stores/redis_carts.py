from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError
from typing_extensions import override

from shop.models import Line
from shop.stores.carts import CartStore
from shop.stores.errors import StoreUnavailableError

LIFETIME_SECONDS = 24 * 3600  # an abandoned cart
TIMEOUT_SECONDS = 0.5  # well inside the deadline of whoever asks


class RedisCarts(CartStore):
    """Carts in Redis: a hash per user, a field per product."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )

    @override
    async def lines(self, user: str) -> list[Line]:
        async with _unavailable_as_such():
            found = await self._redis.hgetall(_key(user))
        lines = (Line.model_validate_json(text) for text in found.values())
        return sorted(lines, key=lambda line: line.sku)

    @override
    async def put(self, user: str, line: Line) -> None:
        async with _unavailable_as_such(), self._redis.pipeline(transaction=True) as both:
            both.hset(_key(user), line.sku, line.model_dump_json())
            both.expire(_key(user), LIFETIME_SECONDS)
            await both.execute()

    @override
    async def clear(self, user: str) -> None:
        async with _unavailable_as_such():
            await self._redis.delete(_key(user))

    @override
    async def close(self) -> None:
        await self._redis.aclose()


def _key(user: str) -> str:
    return f"cart:{user}"


@asynccontextmanager
async def _unavailable_as_such() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailableError(str(error)) from error
