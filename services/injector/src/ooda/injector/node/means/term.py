"""How long a fault lasts: until its time, until it is told, or until its pod is gone."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Self

from ooda.injector.node import namespaces
from ooda.injector.node.orders import End, Sandbox
from ooda.injector.node.time_left import time_left


class Term:
    """The time of one fault, by the monotonic clock; the first reason to end it counts."""

    def __init__(self, ends: float) -> None:
        self.ends = ends
        """In seconds of the monotonic clock."""
        self._ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    @classmethod
    @contextlib.asynccontextmanager
    async def begun(
        cls, until: datetime, sandbox: Sandbox | None, stop: asyncio.Event
    ) -> AsyncIterator[Self]:
        """Give it; without a sandbox it ends with no pod.

        Raises RefusedError if it is over, too long, or the sandbox is gone.
        """
        loop = asyncio.get_running_loop()
        term = cls(loop.time() + time_left(until).total_seconds())
        process = None if sandbox is None else namespaces.watch(sandbox)
        timer = loop.call_at(term.ends, term.end, End.EXPIRED)
        stopping = asyncio.create_task(term._end_when(stop))
        if process is not None:
            loop.add_reader(process, term.end, End.SANDBOX_GONE)
        try:
            yield term
        finally:
            timer.cancel()
            stopping.cancel()
            if process is not None:
                loop.remove_reader(process)
                os.close(process)

    def end(self, why: End) -> None:
        """End it, unless it has ended."""
        if not self._ended.done():
            self._ended.set_result(why)

    async def over(self, *, within: float | None = None) -> End | None:
        """Wait until it has ended and say why; None if it has not within so many seconds."""
        await asyncio.wait([self._ended], timeout=within)
        return self._ended.result() if self._ended.done() else None

    async def _end_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.end(End.STOPPED)
