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
from ooda.injector.probes.outside import OUTSIDE, Outside
from ooda.injector.proving import Prover

AT_ONCE = Role(begins=False, grace=0.1)
"""The reaper's, which lets hardly anybody go first."""


@asynccontextmanager
async def driving(
    api: Cluster,
    namespace: str,
    role: Role,
    *,
    proves: bool = False,
    outside: Outside = OUTSIDE,
) -> AsyncIterator[None]:
    """Drive the runs of a namespace, and look for their effect if told to.

    A process that died in it is no error. Nobody hears an agent here, so nothing is held for one.
    """
    works = [Driver(api, namespace, SystemClock(), replace(role, holds=0.0), outside).run()]
    if proves:
        works.append(Prover(api, namespace, SystemClock(), outside).run())
    tasks = [asyncio.create_task(each) for each in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup, Died):
                await task
