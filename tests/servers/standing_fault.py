"""A fault in a yard's target while a test looks at it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ooda.injector.node.orders import Armed, Bites, ContactOrder, Order, Result, SandboxProcess
from ooda.injector.node.running import run
from ooda.injector.node.workers import Workers
from servers.sandboxes import Yard


def order_for(yard: Yard, *, seconds: float = 30, **stated: Any) -> Order:
    """Give an order for the yard's target, about all of its incoming packets unless stated."""
    return Order.model_validate(
        {
            "order_id": "an-order",
            "sandbox": SandboxProcess(pid=yard.target.pid),
            "traffic": {"direction": "incoming"},
            "until": datetime.now(UTC) + timedelta(seconds=seconds),
            **stated,
        }
    )


def node_of(yard: Yard) -> Path:
    """Say where the network of the yard's node is."""
    return Path(f"/proc/{yard.node.pid}/ns/net")


@dataclass
class Standing:
    """A fault that is in force."""

    armed: Armed
    stop: asyncio.Event
    task: asyncio.Task[Result]

    async def ended(self) -> Result:
        """Stop it and give what it did."""
        self.stop.set()
        return await self.task


@contextlib.asynccontextmanager
async def standing(
    yard: Yard, order: Order | ContactOrder, bites: "asyncio.Queue[Bites] | None" = None
) -> AsyncIterator[Standing]:
    """Give the fault once it is in force, and end it. Raises what `run` does if it never was.

    `bites` is told when it is seen to bite.
    """
    stop = asyncio.Event()
    news: asyncio.Queue[Armed] = asyncio.Queue()
    told = asyncio.Queue() if bites is None else bites
    task = asyncio.create_task(
        run(
            order,
            Workers(node_of(yard)),
            stop=stop,
            armed=news.put_nowait,
            bites=told.put_nowait,
        )
    )
    try:
        yield Standing(await _first(news, task), stop, task)
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def _first(news: asyncio.Queue[Armed], task: asyncio.Task[Result]) -> Armed:
    """Wait for the news, or for why there is none."""
    heard = asyncio.create_task(news.get())
    await asyncio.wait([heard, task], return_when=asyncio.FIRST_COMPLETED)
    if not heard.done():
        heard.cancel()
        await task
    return await heard
