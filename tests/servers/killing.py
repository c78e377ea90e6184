"""One run in which whoever makes it is killed at a write, and what is left of it then.

Who lives, or a reaper, ends the run: what is then not as it was before it is an orphan.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from fakes.mortal import Mortal
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import FINAL, Ending, FaultRun, NodeStep, Phase
from ooda.injector.core.machine import INJECTOR
from ooda.injector.credentials import SEALED
from servers.breakable import Breakable
from servers.driving import AT_ONCE, driving
from servers.mortal_fault_agent import Told, Victim, mortal_fault_agent, struck
from servers.node_agents import PaperNode, on_node
from servers.paper_kubelet import NODE
from servers.waiting import until

_WITHIN: Final = 60.0
"""Seconds in which a run is over, whoever was killed."""
_EVERY: Final = 0.2
"""Seconds until it is looked again: whoever asks more often makes the machine slower for all."""
_MADE: Final = frozenset({Ending.EXPIRED, Ending.NO_EFFECT})
"""How a run ends whose fault was made: seen, or on paper only."""


class Ground(Protocol):
    """A target, and all that can be seen of faults in it."""

    breakable: Breakable

    async def ready(self) -> None:
        """Wait until the target is healthy, and know its pods."""
        ...

    def node(self) -> PaperNode:
        """Give what stands for the node of its pods."""
        ...

    async def seen(self) -> Mapping[str, str]:
        """Say what is seen of faults in its pods."""
        ...


@dataclass(frozen=True)
class Fault:
    """What is asked for."""

    scenario: str
    parameters: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Kill:
    """Who is killed, and when."""

    victim: Victim
    at: int
    """The number of the victim's write, from 0; for processes of faults, of fault-agent's."""
    after: bool

    def __str__(self) -> str:
        return f"{self.victim} killed {'after' if self.after else 'before'} write {self.at}"


@dataclass(frozen=True)
class Tried:
    """What became of a run."""

    kill: Kill
    reached: bool
    """Whether there was such a write: else nobody was killed."""
    orphans: Sequence[str]
    """What is not as it was, in sentences."""


def on_nodes(run: FaultRun) -> bool:
    """Say whether a run has faults on nodes."""
    return any(isinstance(each.step, NodeStep) for each in run.steps)


async def attempt(ground: Ground, fault: Fault, kill: Kill) -> Tried:
    """Make a run, kill whoever is to be killed, and compare once it is over."""
    await ground.ready()
    before = await _everything(ground)
    runs = _Runs(ground, fault)
    try:
        if kill.victim is Victim.INJECTOR:
            reached, run = await runs.without_injector(kill)
        else:
            reached, run = await runs.without(kill, kill.victim)
    except TimeoutError:
        return Tried(kill, reached=True, orphans=[f"it was not over in {_WITHIN:g} s"])
    found = [] if run.phase is Phase.ENDED else [f"the run is {run.phase}: {run.problem}"]
    if not reached and run.ending not in _MADE:  # then all kills before it say little
        found.append(f"with nobody killed the run is {run.ending}: {run.problem}")
    return Tried(kill, reached, [*found, *differences(before, await _everything(ground))])


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    """Say of each thing that is not as it was what it was and is."""
    return [
        f"{what} is {after.get(what) or 'nothing'}, was {before.get(what) or 'nothing'}"
        for what in sorted(before.keys() | after.keys())
        if before.get(what) != after.get(what)
    ]


async def _everything(ground: Ground) -> Mapping[str, str]:
    breakable = ground.breakable
    pods = await breakable.api.list(Kind.POD, breakable.namespace)
    sealed = await breakable.api.get(Kind.SECRET, breakable.own, SEALED)
    return {
        **{what: digest[:12] for what, digest in (await breakable.contents()).items()},
        "what pods may use": "; ".join(
            sorted(
                f"{pod['metadata']['labels']['app']} {json.dumps(each['resources'])}"
                for pod in pods
                if not pod["metadata"].get("deletionTimestamp")
                for each in pod["spec"]["containers"]
            )
        ),
        "Leases": ", ".join(await breakable.leases()),
        "sealed passwords": ", ".join(sealed.get("data") or ()),
        "passwords of the database": json.dumps(breakable.database.passwords),
        **await ground.seen(),
    }


@dataclass(frozen=True)
class _Runs:
    """Runs of one fault."""

    ground: Ground
    fault: Fault

    @property
    def breakable(self) -> Breakable:
        return self.ground.breakable

    async def without_injector(self, kill: Kill) -> tuple[bool, FaultRun]:
        """Kill the injector; the reaper ends it."""
        breakable = self.breakable
        mortal = Mortal(breakable.api, kill.at, after=kill.after)
        run = await self._asked()

        async def settled() -> bool:
            return mortal.dead or (await breakable.found(run.run_id)).phase in FINAL

        async with self._agent() if on_nodes(run) else contextlib.nullcontext():
            outside = breakable.outside
            async with driving(mortal, breakable.own, INJECTOR, proves=True, outside=outside):
                await until(settled, _WITHIN, every=_EVERY)
            if mortal.dead and (await breakable.found(run.run_id)).expires_at is None:
                await breakable.abort(run)  # it is abandoned after half a minute
            async with driving(breakable.api, breakable.own, AT_ONCE, outside=outside):
                return mortal.dead, await self._over(run)

    async def without(
        self, kill: Kill, victim: Literal[Victim.FAULT_AGENT, Victim.WORKERS]
    ) -> tuple[bool, FaultRun]:
        """Kill fault-agent, which is started again, or processes of it; the injector lives."""
        breakable = self.breakable
        told = Told(
            kubeconfig=breakable.plane.kubeconfig(f"mortal-{breakable.own}"),
            namespace=breakable.own,
            name=NODE,
            node=self.ground.node(),
            at=kill.at,
            after=kill.after,
            victim=victim,
        )
        outside = breakable.outside
        async with driving(breakable.api, breakable.own, INJECTOR, proves=True, outside=outside):
            async with mortal_fault_agent(told) as process:
                run = await self._asked()
                over = asyncio.create_task(self._over(run))
                strike = asyncio.create_task(struck(process))
                awaited = {over} if victim is Victim.WORKERS else {over, strike}
                await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                reached = strike.done()
                for each in (over, strike):
                    each.cancel()
                await asyncio.gather(over, strike, return_exceptions=True)
            if (await breakable.found(run.run_id)).phase in FINAL:
                return reached, await breakable.found(run.run_id)
            async with self._agent():
                return reached, await self._over(run)

    async def _asked(self) -> FaultRun:
        fault = self.fault
        return await self.breakable.admitted(
            fault.scenario, parameters=fault.parameters, duration_seconds=fault.seconds
        )

    async def _over(self, run: FaultRun) -> FaultRun:
        return await self.breakable.reached(run, *FINAL, within=_WITHIN, every=_EVERY)

    @contextlib.asynccontextmanager
    async def _agent(self) -> AsyncIterator[None]:
        breakable, hands = self.breakable, self.ground.node().hands()
        async with on_node(breakable.api, breakable.own, NODE, hands):
            yield
