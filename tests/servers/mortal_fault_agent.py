"""A fault-agent in a process of its own, which is killed at one of its writes (SIGKILL).

Arguments: kubeconfig, namespace of the journal, node, UID and sandbox's pid of the one pod, what is
written then (``in force`` or ``over``), and ``before`` or ``after`` it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.kinds import Kind
from ooda.common.settings import ClusterSettings
from ooda.injector.node.agent import FaultAgent
from ooda.injector.node.hands import NodeHands
from ooda.injector.node.orders import Sandbox, SandboxProcess
from ooda.injector.node.workers import Workers


class OneSandbox:
    """The sandbox of one pod."""

    def __init__(self, uid: str, pid: int) -> None:
        self._uid, self._pid = uid, pid

    def find(self, pod_uid: str) -> Sandbox | None:
        """See Sandboxes."""
        return SandboxProcess(pid=self._pid) if pod_uid == self._uid else None


def hands_for(uid: str, pid: int) -> NodeHands:
    """Give the hands for one pod on this machine."""
    return NodeHands(OneSandbox(uid, pid), Workers(), node_root=Path("/"))


class Killed:
    """Reads and writes like the cluster behind it, up to its death and that of its process."""

    def __init__(self, behind: ApiServer, at: str, when: str) -> None:
        self._behind, self._at, self._when = behind, at, when

    async def replace(self, kind: Kind, body: Mapping[str, Any], *, dry_run: bool = False) -> Any:
        """Write, or die."""
        over = body["spec"]["steps"][0].get("undone") is not None
        mine = self._at == ("over" if over else "in force")
        if mine and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        written = await self._behind.replace(kind, body, dry_run=dry_run)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


async def main() -> None:
    """Be it."""
    kubeconfig, namespace, node, uid, pid, at, when = sys.argv[1:]
    async with ApiServer.connect(ClusterSettings(kubeconfig=Path(kubeconfig))) as api:
        hands = hands_for(uid, int(pid))
        sys.stdout.write("\n")  # what takes long is done
        sys.stdout.flush()
        await FaultAgent(Killed(api, at, when), namespace, node, hands, SystemClock()).run()


if __name__ == "__main__":
    asyncio.run(main())
