"""A container whose memory leaks, in each of its lives anew."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ooda.common.container_faults import Leak
from ooda.injector.node.core.memory import LEAKING, MIB, badness, node_memory, resident, to_take
from ooda.injector.node.means.containers import MainProcess, main_process, wanted_process
from ooda.injector.node.means.memory_cgroup import MemoryCgroup, memory_cgroup
from ooda.injector.node.means.term import Term
from ooda.injector.node.orders import End, Refusal
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.sandboxes import PROCESSES

_LEAKING: Final = "ooda.injector.node.means.leaking"
_LOOK_AGAIN: Final = 0.2
"""Seconds. No event tells of a new process; a look takes some milliseconds."""


async def leak_in_each_life(
    fault: Leak, pod_uid: str, term: Term, armed: Callable[[], None], node_root: Path
) -> tuple[End, Mapping[str, float]]:
    """Leak until the term ends, again whenever the container has begun again.

    `node_root` is where the node's own files are shown. Raises RefusedError.
    """
    leak = _Leak(fault, pod_uid, term, armed, node_root)
    end = await leak.until_the_end()
    return end, {"leaked_bytes": leak.most, "lives": leak.lives}


@dataclass(slots=True)
class _Leak:
    """What is to be done, and what came of it so far."""

    fault: Leak
    pod_uid: str
    term: Term
    armed: Callable[[], None]
    node_root: Path
    most: int = 0
    lives: int = 0

    async def until_the_end(self) -> End:
        """Leak in each life. Raises RefusedError if it did not even in the first one."""
        life: MainProcess | None = wanted_process(self.pod_uid, self.fault.container)
        while True:
            if life is not None:
                try:
                    with life:
                        await self._in(life)
                except RefusedError:
                    # Later, it may be ending, or have another limit for a while.
                    if self.lives == 0:
                        raise
            if (end := await self.term.over(within=_LOOK_AGAIN)) is not None:
                return end
            life = await asyncio.to_thread(main_process, self.pod_uid, self.fault.container)

    async def _in(self, life: MainProcess) -> None:
        """Leak in one life until that or the term is over. Raises RefusedError."""
        cgroup = _found(life, self.pod_uid, self.node_root)
        most = _bytes_for(self.fault, cgroup, life.pid)
        async with _leaking(life, cgroup, most, self.fault.mib_per_second, self.term) as said:
            if not await said.readline():
                raise RefusedError(
                    Refusal.KERNEL, f"{cgroup.folder} cannot be entered: fault-agent's log says why"
                )
            self.lives += 1
            if self.lives == 1:
                self.armed()
            following = asyncio.create_task(self._follow(said))
            over = asyncio.create_task(self.term.over())
            await asyncio.wait([following, over], return_when=asyncio.FIRST_COMPLETED)
            following.cancel()
            over.cancel()

    async def _follow(self, said: asyncio.StreamReader) -> None:
        """Heed how much it is until whoever says it has ended."""
        async for line in said:
            self.most = max(self.most, int(line))


def _found(life: MainProcess, pod_uid: str, node_root: Path) -> MemoryCgroup:
    with suppress(OSError):  # it may end while it is looked at
        if (found := memory_cgroup(life.pid, pod_uid, node_root)) is not None:
            return found
    raise RefusedError(Refusal.NO_PROCESS, f"process {life.pid} is in no cgroup that is seen here")


def _bytes_for(fault: Leak, cgroup: MemoryCgroup, pid: int) -> int:
    node = node_memory((PROCESSES / "meminfo").read_text())
    limit = cgroup.limit()
    if limit is None or (most := to_take(fault.mib * MIB, limit, node)) == 0:
        raise RefusedError(
            Refusal.NO_MEMORY,
            f"container {fault.container} may have {limit or 'any number of'} bytes, and the node"
            f" has {node.available} left: it would run out itself",
        )
    # The process that leaks is this one's, and has its adjustment.
    if badness(LEAKING, _adjustment("self"), limit) >= _badness(pid, limit):
        raise RefusedError(
            Refusal.KERNEL,
            f"process {pid} is so small, or so well guarded, that the kernel would not kill it, but"
            " fault-agent's own",
        )
    return most


def _badness(pid: int, limit: int) -> float:
    process = str(pid)
    status = (PROCESSES / process / "status").read_text()
    return badness(resident(status), _adjustment(process), limit)


def _adjustment(process: str) -> int:
    return int((PROCESSES / process / "oom_score_adj").read_text())


@asynccontextmanager
async def _leaking(
    life: MainProcess, cgroup: MemoryCgroup, most: int, mib_per_second: int, term: Term
) -> AsyncIterator[asyncio.StreamReader]:
    seconds = max(term.ends - asyncio.get_running_loop().time(), 0.001)
    stated = (os.getpid(), life.descriptor, most, mib_per_second * MIB, seconds, cgroup.folder)
    leaking = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", _LEAKING, *map(str, stated)),
        pass_fds=[life.descriptor],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if leaking.stdout is not None:  # it is: a pipe was asked for
            yield leaking.stdout
    finally:
        with suppress(ProcessLookupError):
            leaking.kill()
        await leaking.wait()
