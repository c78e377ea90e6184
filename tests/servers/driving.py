"""A driver of runs, for as long as a block lasts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from fakes.mortal import Died
from ooda.common.clock import SystemClock
from ooda.injector.core.machine import Role
from ooda.injector.driver import Driver
from ooda.injector.ports import Cluster


@asynccontextmanager
async def driving(api: Cluster, namespace: str, role: Role) -> AsyncIterator[None]:
    """Drive the runs of a namespace; a process that died in it is no error.

    Nobody hears an agent here, so nothing is held for one.
    """
    alone = replace(role, holds=0.0)
    task = asyncio.create_task(Driver(api, namespace, SystemClock(), alone).run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup, Died):
            await task
