"""A fault-agent in a process of its own: at one of its writes something is killed (SIGKILL).

Its one argument is `Told`, as JSON. It writes an empty line when it begins, and `KILLED` once it
has killed something else than itself.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

import structlog
from pydantic import BaseModel

from fakes.mortal import Mortal
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.settings import ClusterSettings
from ooda.injector.node.agent import FaultAgent
from servers.fault_workers import fault_workers
from servers.node_agents import PaperNode

KILLED: Final = b"killed\n"


class Victim(StrEnum):
    """Who is killed."""

    INJECTOR = "injector"
    FAULT_AGENT = "fault-agent"
    WORKERS = "its processes"
    """Those by which fault-agent makes faults in pods' networks."""


class Told(BaseModel):
    """What it is, and when it kills whom."""

    kubeconfig: Path
    namespace: str
    """Of the journal."""
    name: str
    """Of its node."""
    node: PaperNode
    at: int
    """The number of the write, from 0."""
    after: bool
    """The write was made; else it was not."""
    victim: Literal[Victim.FAULT_AGENT, Victim.WORKERS] = Victim.FAULT_AGENT


class _Deadly(Mortal):
    """Reads and writes like the cluster behind it; at one write somebody is killed."""

    victim = Victim.FAULT_AGENT

    def _die(self, what: str) -> None:
        if self.victim is Victim.FAULT_AGENT:
            os.kill(os.getpid(), signal.SIGKILL)
        self.last = what
        for each in fault_workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        sys.stdout.write(KILLED.decode())
        sys.stdout.flush()


@contextlib.asynccontextmanager
async def mortal_fault_agent(told: Told) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one for as long as the block lasts, unless it is killed before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "servers.mortal_fault_agent",
        told.model_dump_json(),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # where its processes complain that it is gone
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def struck(process: asyncio.subprocess.Process) -> None:
    """Wait until it has killed itself, or something else."""
    assert process.stdout is not None
    while await process.stdout.readline() not in (b"", KILLED):
        pass


async def _main() -> None:
    """Be it."""
    told = Told.model_validate_json(sys.argv[1])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with ApiServer.connect(ClusterSettings(kubeconfig=told.kubeconfig)) as api:
        deadly = _Deadly(api, told.at, after=told.after)
        deadly.victim = told.victim
        hands = told.node.hands()
        sys.stdout.write("\n")  # what takes long is done
        sys.stdout.flush()
        await FaultAgent(deadly, told.namespace, told.name, hands, SystemClock()).run()


if __name__ == "__main__":
    asyncio.run(_main())
