"""A container whose memory leaks, in each of its lives anew."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from ooda.common.container_faults import Leak
from ooda.injector.node.core.memory import (
    LEAKING,
    UNKILLABLE,
    badness,
    killable,
    node_memory,
    to_take,
)
from ooda.injector.node.core.room import MIB
from ooda.injector.node.means.containers import (
    LOOK_AGAIN,
    MainProcess,
    main_process,
    wanted_process,
)
from ooda.injector.node.means.memory_cgroup import limit_in, memory_cgroup
from ooda.injector.node.means.term import Term
from ooda.injector.node.orders import End, Refusal
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.sandboxes import PROCESSES

_log: Final = structlog.get_logger()

_LEAKING: Final = "ooda.injector.node.means.leaking"


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
    """Bytes, in one life."""
    lives: int = 0
    """In which it leaked."""

    async def until_the_end(self) -> End:
        """Leak in each life. Raises RefusedError if it did not even in the first one."""
        life: MainProcess | None = wanted_process(self.pod_uid, self.fault.container)
        while True:
            if life is not None:
                with life, _noticed_end(life) as ended:
                    await self._in(life)
                    await self._over_or(ended.wait())  # if that was not the end of the life, too
            if (end := await self.term.over(within=LOOK_AGAIN)) is not None:
                if self.lives == 0:
                    raise RefusedError(Refusal.EXPIRED, "it was over before it was in force")
                return end
            life = await asyncio.to_thread(main_process, self.pod_uid, self.fault.container)

    async def _in(self, life: MainProcess) -> None:
        """Leak in one life until that or the term is over, or the node needs the memory.

        Raises RefusedError, but not once it has leaked: a later life may have another limit.
        """
        try:
            cgroup, most = await asyncio.to_thread(self._planned, life)
        except RefusedError as error:
            if self.lives == 0:
                raise
            _log.warning("no leak in this life", pod=self.pod_uid, why=error.sentence)
            return
        async with _leaking(life, cgroup, most, self.fault.mib_per_second, self.term) as said:
            await self._over_or(self._follow(said))
        if self.lives == 0 and await self.term.over(within=0) is None:
            raise RefusedError(
                Refusal.KERNEL, f"{cgroup} cannot be entered: fault-agent's log says why"
            )

    async def _over_or(self, other: Coroutine[Any, Any, object]) -> None:
        """Wait until the term is over, or something else is."""
        waits = [asyncio.create_task(other), asyncio.create_task(self.term.over())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _follow(self, said: asyncio.StreamReader) -> None:
        """Heed how much it is, until whoever says it has ended; first, that it is in."""
        if not await said.readline():
            return
        self.lives += 1
        if self.lives == 1:
            self.armed()
        async for line in said:
            self.most = max(self.most, int(line))

    def _planned(self, life: MainProcess) -> tuple[Path, int]:
        """Say where to leak, and how many bytes. Raises RefusedError."""
        try:
            cgroup = memory_cgroup(life.pid, self.pod_uid, self.node_root)
            if cgroup is None:
                raise RefusedError(
                    Refusal.NO_PROCESS, f"process {life.pid} is in no cgroup that is seen here"
                )
            limit = limit_in(cgroup)
            most = _bytes_for(self.fault, limit)
            _refuse_unless_killed_first(life.pid, limit or 0)
        except OSError as error:
            raise RefusedError(
                Refusal.NO_PROCESS, f"process {life.pid} ended meanwhile: {error.strerror}"
            ) from error
        return cgroup, most


def _bytes_for(fault: Leak, limit: int | None) -> int:
    node = node_memory((PROCESSES / "meminfo").read_text())
    if (most := to_take(fault.mib * MIB, limit, node)) == 0:
        raise RefusedError(
            Refusal.NO_MEMORY,
            f"container {fault.container} may have {limit or 'any number of'} bytes, and the node"
            f" has {node.available} left: it would run out itself",
        )
    return most


def _refuse_unless_killed_first(pid: int, limit: int) -> None:
    """Raise RefusedError where the kernel would rather kill the process that leaks, or nobody."""
    status = (PROCESSES / str(pid) / "status").read_text()
    theirs = _adjustment(str(pid))
    # The process that leaks is this one's, and has its adjustment.
    ours = badness(LEAKING, _adjustment("self"), limit)
    if theirs == UNKILLABLE or badness(killable(status), theirs, limit) <= ours:
        raise RefusedError(
            Refusal.KERNEL,
            f"process {pid} is so small, or so well guarded, that the kernel would not kill it, but"
            " fault-agent's own",
        )


def _adjustment(process: str) -> int:
    return int((PROCESSES / process / "oom_score_adj").read_text())


@contextmanager
def _noticed_end(life: MainProcess) -> Iterator[asyncio.Event]:
    """Give what is set when the process has ended."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def notice() -> None:
        loop.remove_reader(life.descriptor)  # it would be said again and again
        ended.set()

    loop.add_reader(life.descriptor, notice)
    try:
        yield ended
    finally:
        loop.remove_reader(life.descriptor)


@asynccontextmanager
async def _leaking(
    life: MainProcess, cgroup: Path, most: int, mib_per_second: int, term: Term
) -> AsyncIterator[asyncio.StreamReader]:
    stated = (os.getpid(), life.descriptor, most, mib_per_second * MIB, term.ends, cgroup)
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
