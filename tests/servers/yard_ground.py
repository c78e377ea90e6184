"""A target on a real API server whose two pods are network namespaces of this machine."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ooda.common.cluster.kinds import Kind
from servers.breakable import CLIENT, TARGET, Breakable, something_to_break
from servers.control_plane import ControlPlane
from servers.datagrams import train
from servers.names import naming
from servers.node_agents import PaperNode
from servers.paper_network import enforcing, serving
from servers.sandboxes import BYSTANDER, Place, Yard
from servers.standing_fault import node_of
from servers.waiting import until

_NAMES = f"search shop.svc.cluster.local svc.cluster.local\nnameserver {BYSTANDER}\n"
_MINUTES = 60
"""The whole matrix of kills takes less."""


@dataclass
class YardGround:
    """The target's two pods are network namespaces, in which names are looked up.

    Those of its client are the same ones.
    """

    breakable: Breakable
    yard: Yard
    processes: Path
    places: Mapping[str, Place] = field(default_factory=dict)

    @staticmethod
    @asynccontextmanager
    async def made(plane: ControlPlane, folder: Path) -> AsyncIterator["YardGround"]:
        """Make one, and take it away."""
        async with something_to_break(plane) as breakable:
            with Yard.made(_MINUTES) as yard, naming(yard.bystander):
                for place in (yard.target, yard.peer):
                    tell_names(folder, place)
                async with serving(breakable, yard, TARGET, 80), enforcing(breakable, yard):
                    yield YardGround(breakable, yard, folder)

    async def ready(self) -> None:
        """See Ground."""
        await until(self.breakable.healthy, 30)
        self.places = await places_of(self.breakable, self.yard, (TARGET, CLIENT))

    def node(self) -> PaperNode:
        """See Ground."""
        pids = {uid: place.pid for uid, place in self.places.items()}
        return PaperNode(sandboxes=pids, network=node_of(self.yard), processes=self.processes)

    async def seen(self) -> Mapping[str, str]:
        """See Ground."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Mapping[str, str]:
        found = {}
        for place in (self.yard.target, self.yard.peer):
            found[f"packet queues at {place.address}"] = place.queues().strip()
            with train(self.yard.bystander, place) as datagrams:
                found[f"packets to {place.address}"] = "pass" if datagrams.passes() else "are lost"
        return found


def tell_names(folder: Path, place: Place) -> None:
    """Have a pod's file say that the bystander knows names; ``folder`` stands for ``/proc``."""
    within = folder / str(place.pid) / "root" / "etc"
    within.mkdir(parents=True)
    (within / "resolv.conf").write_text(_NAMES)


async def places_of(
    breakable: Breakable, yard: Yard, apps: Sequence[str] = (TARGET,)
) -> Mapping[str, Place]:
    """Give the two pods of each workload a place each, by their UIDs."""
    places: dict[str, Place] = {}
    for app in apps:
        pods = await breakable.api.list(Kind.POD, breakable.namespace, labels={"app": app})
        known = [each["metadata"] for each in pods]
        uids = sorted(each["uid"] for each in known if not each.get("deletionTimestamp"))
        places |= zip(uids, (yard.target, yard.peer), strict=True)
    return places
