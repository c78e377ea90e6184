"""A fault-agent of a node, for as long as a block lasts, and the pods on paper that it sees."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from fakes.mortal import Died
from ooda.common.clock import SystemClock
from ooda.injector.node.agent import FaultAgent
from ooda.injector.node.hands import Hands, NodeHands
from ooda.injector.node.namespaces import NODE
from ooda.injector.node.orders import Sandbox, SandboxProcess
from ooda.injector.node.sandboxes import PROCESSES
from ooda.injector.node.workers import Workers
from ooda.injector.ports import Cluster


class PaperNode(BaseModel):
    """What stands for a node on this machine; a process of its own can be told it as JSON."""

    model_config = ConfigDict(frozen=True)

    sandboxes: Mapping[str, int]
    """By UID of the pod, the process that holds its sandbox."""
    network: Path = NODE
    """Where the network of the node itself is shown."""
    processes: Path = PROCESSES
    """Where the files of a sandbox's process are looked for."""

    def find(self, pod_uid: str) -> Sandbox | None:
        """See Sandboxes."""
        pid = self.sandboxes.get(pod_uid)
        return None if pid is None else SandboxProcess(pid=pid)

    def hands(self) -> NodeHands:
        """Give the hands of a fault-agent on it."""
        return NodeHands(self, Workers(self.network), Path("/"), self.processes)


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
