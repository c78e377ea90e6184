"""A driver of runs, for as long as a block lasts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes.mortal import Died
from ooda.common.clock import SystemClock
from ooda.injector.core.machine import Role
from ooda.injector.driver import Driver
from ooda.injector.ports import Cluster


@asynccontextmanager
async def driving(api: Cluster, namespace: str, role: Role) -> AsyncIterator[None]:
    """Drive the runs of a namespace; a process that died in it is no error."""
    task = asyncio.create_task(Driver(api, namespace, SystemClock(), role).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup, Died):
            await task
