"""Where carts are kept, and the carts in memory that tests use."""

from typing import Protocol

from typing_extensions import override

from shop.models import Line


class CartStore(Protocol):
    """Carts by user. Every method raises StoreUnavailableError."""

    async def lines(self, user: str) -> list[Line]:
        """Return a user's cart, ordered by product."""
        ...

    async def put(self, user: str, line: Line) -> None:
        """Set the line of one product, in place of the one before."""
        ...

    async def clear(self, user: str) -> None:
        """Empty a user's cart."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class MemoryCarts(CartStore):
    """Carts that last as long as the process."""

    def __init__(self) -> None:
        self._carts: dict[str, dict[str, Line]] = {}

    @override
    async def lines(self, user: str) -> list[Line]:
        return sorted(self._carts.get(user, {}).values(), key=lambda line: line.sku)

    @override
    async def put(self, user: str, line: Line) -> None:
        self._carts.setdefault(user, {})[line.sku] = line

    @override
    async def clear(self, user: str) -> None:
        self._carts.pop(user, None)

    @override
    async def close(self) -> None:
        self._carts.clear()
