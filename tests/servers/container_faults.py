"""A fault in a pod's container while a test looks at it."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ooda.injector.node.means.orders import ContainerOrder, ContainerResult
from ooda.injector.node.means.running import run_in_container
from ooda.injector.node.orders import Armed, SandboxProcess
from servers.pods import Pod

MACHINE: Final = Path("/")
"""The files of this machine: no container here may fill what they are on."""


def order_for(
    pod: Pod, fault: dict[str, Any], *, seconds: float = 30, **stated: Any
) -> ContainerOrder:
    """Give an order for the pod's container `app`."""
    return ContainerOrder.model_validate(
        {
            "order_id": "an-order",
            "sandbox": SandboxProcess(pid=pod.pause.pid),
            "pod_uid": pod.uid,
            "fault": {"container": "app", **fault},
            "until": datetime.now(UTC) + timedelta(seconds=seconds),
            **stated,
        }
    )


_ELSEWHERE: Final = """
import asyncio, pathlib, sys
from ooda.injector.node.means.orders import ContainerOrder
from ooda.injector.node.means.running import run_in_container
order = ContainerOrder.model_validate_json(sys.argv[1])
armed = lambda _: print(flush=True)
asyncio.run(run_in_container(order, armed=armed, node_root=pathlib.Path(sys.argv[2])))
"""


@contextlib.contextmanager
def begun_elsewhere(order: ContainerOrder) -> Iterator[subprocess.Popen[bytes]]:
    """Give the process of a fault that is in force, for the test to kill."""
    process = subprocess.Popen(
        [sys.executable, "-c", _ELSEWHERE, order.model_dump_json(), str(MACHINE)],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@dataclass
class Standing:
    """A fault that is in force."""

    armed: Armed
    stop: asyncio.Event
    task: asyncio.Task[ContainerResult]

    async def ended(self) -> ContainerResult:
        """Stop it and give what it did."""
        self.stop.set()
        return await self.task


@contextlib.asynccontextmanager
async def standing(order: ContainerOrder) -> AsyncIterator[Standing]:
    """Give the fault once it is in force, and end it. Raises what it does if it never was."""
    stop = asyncio.Event()
    news: asyncio.Queue[Armed] = asyncio.Queue()
    task = asyncio.create_task(
        run_in_container(order, stop=stop, armed=news.put_nowait, node_root=MACHINE)
    )
    try:
        heard = asyncio.create_task(news.get())
        await asyncio.wait([heard, task], return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            heard.cancel()
            await task
        yield Standing(await heard, stop, task)
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)
