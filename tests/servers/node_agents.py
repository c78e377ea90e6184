"""A fault-agent of a node, for as long as a block lasts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes.mortal import Died
from ooda.common.clock import SystemClock
from ooda.injector.node.agent import FaultAgent
from ooda.injector.node.hands import Hands
from ooda.injector.ports import Cluster


@asynccontextmanager
async def on_node(api: Cluster, namespace: str, node: str, hands: Hands) -> AsyncIterator[None]:
    """Carry out the journal's steps for a node; a process that died in it is no error."""
    task = asyncio.create_task(FaultAgent(api, namespace, node, hands, SystemClock()).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup, Died):
            await task
