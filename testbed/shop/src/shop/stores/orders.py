"""Where orders are kept, and the orders in memory that tests use."""

from typing import Protocol

from typing_extensions import override

from shop.models import Order


class OrderStore(Protocol):
    """Orders by number. Every method raises StoreUnavailableError."""

    async def add(self, order: Order) -> None:
        """Keep an order for good; the same one again changes nothing."""
        ...

    async def get(self, order_id: str, user: str) -> Order | None:
        """Return a user's own order, None if there is no such one."""
        ...

    async def open(self) -> None:
        """Begin to connect; does not wait for the database."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class MemoryOrders(OrderStore):
    """Orders that last as long as the process."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}

    @override
    async def add(self, order: Order) -> None:
        self._orders.setdefault(order.id, order)

    @override
    async def get(self, order_id: str, user: str) -> Order | None:
        order = self._orders.get(order_id)
        return order if order and order.user == user else None

    @override
    async def open(self) -> None:
        """There is nothing to connect to."""

    @override
    async def close(self) -> None:
        self._orders.clear()
