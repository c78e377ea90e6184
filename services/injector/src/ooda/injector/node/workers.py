"""The processes that faults are made by; one of them is always ready.

Starting one takes a fifth of a second on a quiet node, and up to a second on a busy one.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from ooda.injector.node.namespaces import NODE

_WORKER: Final = "ooda.injector.node.worker"
_FIRST: Final = -20


class Workers:
    """Gives a process for each fault. `node` is where the node's own network is shown.

    One that waits for its order ends by itself when this process does.
    """

    def __init__(self, node: Path = NODE) -> None:
        self._node = node
        self._keeping = False
        self._next: asyncio.Task[asyncio.subprocess.Process] | None = None

    @contextlib.asynccontextmanager
    async def kept_ready(self) -> AsyncIterator[None]:
        """Have one ready for the next fault, as long as the block lasts."""
        self._keeping = True
        self.prepare()
        try:
            yield
        finally:
            self._keeping = False
            ready, self._next = self._next, None
            if ready is not None:
                worker = await ready
                await worker.communicate(b"")

    def prepare(self) -> None:
        """Start one for the next fault, if one is to be ready and none is."""
        if self._keeping and self._next is None:
            self._next = asyncio.create_task(self._started())

    async def take(self) -> asyncio.subprocess.Process:
        """Give the one that is ready, or else a new one.

        It may have died while it waited, as it may at any time: whoever has it finds out.
        """
        ready, self._next = self._next, None
        return await (self._started() if ready is None else ready)

    async def _started(self) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _WORKER,
            str(self._node),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        _hurry(worker)
        return worker


def _hurry(worker: asyncio.subprocess.Process) -> None:
    """Let the process go before others, as far as the kernel lets us: packets wait for it.

    Without this, packets on a busy node are held back for tens of milliseconds too long.
    """
    with contextlib.suppress(ProcessLookupError):
        try:
            os.sched_setscheduler(worker.pid, os.SCHED_RR, os.sched_param(1))
        except PermissionError:  # its cgroup has no real-time budget
            with contextlib.suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, worker.pid, _FIRST)
