"""A target on a real API server whose one pod has a container that this machine runs."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from servers.breakable import Breakable, something_to_break
from servers.control_plane import ControlPlane
from servers.fitting import CLOCK, LIMIT_MIB, fit_one
from servers.node_agents import PaperNode
from servers.pods import VOLUME, Container, Pod, unable_to_limit
from servers.waiting import until


@dataclass
class ContainerGround:
    """The target's one pod has a container, which runs."""

    breakable: Breakable
    pod: Pod
    containers: list[Container] = field(default_factory=list)

    @staticmethod
    @asynccontextmanager
    async def made(plane: ControlPlane, folder: Path) -> AsyncIterator["ContainerGround"]:
        """Make one whose container is started again when it was killed, and take it away."""
        async with something_to_break(plane) as breakable:
            uid = await fit_one(breakable)
            with Pod.made(folder, uid) as pod:
                ground = ContainerGround(breakable, pod)
                ground.start()
                keeping = asyncio.create_task(ground.keep())
                try:
                    yield ground
                finally:
                    keeping.cancel()
                    with suppress(asyncio.CancelledError):
                        await keeping

    @property
    def container(self) -> Container:
        """Return the container as it was started last."""
        return self.containers[-1]

    def start(self) -> None:
        """Start the container, with a clock that can be put off."""
        limited = unable_to_limit() is None
        container = self.pod.start(limit_mib=LIMIT_MIB if limited else None)
        container.path(CLOCK).write_bytes(bytes(16))
        self.containers.append(container)

    async def keep(self) -> None:
        """Start the container again whenever it has ended, for ever."""
        while True:
            if not self.container.lives():
                with suppress(AssertionError, FileNotFoundError):  # it was killed at once
                    await asyncio.to_thread(self.start)
            await asyncio.sleep(0.05)

    async def ready(self) -> None:
        """See Ground."""
        await until(self.breakable.healthy, 30)
        await until(self.container_lives, 30)

    def container_lives(self) -> bool:
        """Say whether the container runs."""
        return self.container.lives()

    def node(self) -> PaperNode:
        """See Ground."""
        return PaperNode(sandboxes={self.pod.uid: self.pod.pause.pid})

    async def seen(self) -> Mapping[str, str]:
        """See Ground."""
        await until(self.container_lives)
        begun = self.container
        await asyncio.sleep(0.5)
        lived = begun is self.container and begun.lives()
        return {
            "the container": "runs" if lived else "is killed",
            "its clock": "is off" if clock_end(begun) else "is right",
            "files in its volume": ", ".join(files_in(begun)),
            "others in its memory": ", ".join(map(str, sorted(begun.others_in_memory()))),
        }


def clock_end(container: Container) -> int:
    """Return when the container's clock is right again; 0 if nobody has put it off."""
    _, end = struct.unpack("=qq", container.path(CLOCK).read_bytes())
    return int(end)


def files_in(container: Container) -> list[str]:
    """Return the names of the files in the container's volume."""
    return sorted(each.name for each in container.path(VOLUME).iterdir())
