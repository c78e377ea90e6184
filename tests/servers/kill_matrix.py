"""Every scenario, with whoever makes it killed before and after each write: who is left over?"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ooda.common.fault_runs import NodeStep
from ooda.common.node_means import PacketFault
from ooda.injector.core.scenario import Scenario
from servers.breakable import CLIENT
from servers.container_ground import ContainerGround
from servers.control_plane import ControlPlane
from servers.fitting import VOLUME_NAME
from servers.killing import Fault, Ground, Kill, Tried, attempt
from servers.mortal_fault_agent import Victim
from servers.yard_ground import YardGround

_LASTS: Final = 1.0
_LASTS_ON_NODES: Final = 3.0
"""Seconds of a fault; on nodes it takes up to one until it is in force and seen to bite."""


Make = Callable[[ControlPlane, Path], AbstractAsyncContextManager[Ground]]
"""Makes a ground, with a folder for it, and takes it away."""


@dataclass(frozen=True)
class SetUp:
    """How a scenario is tried."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    made: Make = YardGround.made


SET_UPS: Final[Mapping[str, SetUp]] = {
    "config-missing": SetUp(),
    "cpu-throttle": SetUp(),
    "crash-loop": SetUp({"restarts": "100"}, ContainerGround.made),
    "crash-loop-release": SetUp(),
    "credential-rotation": SetUp(),
    "dependency-timeout": SetUp({"dependency": "orders-db"}),
    "disk-pressure": SetUp({"volume": VOLUME_NAME, "free_percent": "40"}, ContainerGround.made),
    "dns-failure": SetUp(),
    "image-pull-failure": SetUp({"tag": "broken"}),  # the kubelet on paper pulls every other one
    "jwt-expiry": SetUp({"skew_seconds": "60"}, ContainerGround.made),
    "latency-spike": SetUp(),
    "memory-leak": SetUp(made=ContainerGround.made),
    "network-cut": SetUp(),
    "network-partition": SetUp({"client": CLIENT}),
    "oom-kill": SetUp(),
    "packet-loss": SetUp(),
    "permission-revocation": SetUp(),
    "pod-kill": SetUp(),
    "probe-misconfigured": SetUp(),
    "quota-exhausted": SetUp(),
    "replica-scale-down": SetUp(),
    "service-misroute": SetUp(),
    "unschedulable": SetUp(),
}


def without_set_up(scenarios: Iterable[str]) -> Sequence[str]:
    """Say of each scenario that cannot be tried what is to be done."""
    return [
        f"scenario {each} has no set-up in tests/servers/kill_matrix.py (SET_UPS): "
        "nobody is killed while it runs"
        for each in scenarios
        if each not in SET_UPS
    ]


@dataclass(frozen=True)
class Row:
    """What became of all runs of a scenario in which one of those who make it was killed."""

    scenario: str
    mechanism: str
    victim: str
    writes: int
    kills: int
    orphans: Sequence[str]
    """In sentences."""
    seconds: float


async def rows_of(
    scenarios: Sequence[Scenario], plane: ControlPlane, folder: Path, lanes: int
) -> AsyncIterator[Row]:
    """Kill at each write of scenarios, on so many grounds at a time; those of one kind together."""
    for make in {SET_UPS[each.id].made: None for each in scenarios}:
        async with _Lanes.made(make, plane, folder, lanes) as grounds:
            for scenario in scenarios:
                if SET_UPS[scenario.id].made is make:
                    async for row in _rows_of(scenario, grounds):
                        yield row


async def _rows_of(scenario: Scenario, grounds: "_Lanes") -> AsyncIterator[Row]:
    fault, victims = await _planned(scenario, grounds.all[0])
    for victim in victims:
        begun = time.monotonic()
        tried = await grounds.try_all(fault, victim)
        kills = [each.kill for each in tried if each.reached]
        yield Row(
            scenario.id,
            scenario.mechanism,
            victim,
            writes=len({each.at for each in kills}),
            kills=len(kills),
            orphans=[f"{each.kill}: {left}" for each in tried for left in each.orphans],
            seconds=time.monotonic() - begun,
        )


async def _planned(scenario: Scenario, ground: Ground) -> tuple[Fault, Sequence[Victim]]:
    """Return what is asked for, and who makes it."""
    await ground.ready()
    parameters = SET_UPS[scenario.id].parameters
    run = await ground.breakable.planned(scenario.id, parameters=parameters)
    means = [each.step.means for each in run.steps if isinstance(each.step, NodeStep)]
    victims = [Victim.INJECTOR]
    if means:
        victims.append(Victim.FAULT_AGENT)
    if any(isinstance(each, PacketFault) for each in means):
        victims.append(Victim.WORKERS)
    return Fault(scenario.id, parameters, _LASTS_ON_NODES if means else _LASTS), victims


class _Lanes:
    """Grounds of one kind; one on which something was left over is not used again."""

    def __init__(
        self, make: Callable[[], AbstractAsyncContextManager[Ground]], held: AsyncExitStack
    ) -> None:
        self._make, self._held = make, held
        self.all: list[Ground] = []

    @staticmethod
    @contextlib.asynccontextmanager
    async def made(
        make: Make, plane: ControlPlane, folder: Path, count: int
    ) -> AsyncIterator["_Lanes"]:
        """Make so many, and take them away."""

        def one() -> AbstractAsyncContextManager[Ground]:
            return make(plane, Path(tempfile.mkdtemp(dir=folder)))

        async with AsyncExitStack() as held:
            lanes = _Lanes(one, held)
            for _ in range(count):
                lanes.all.append(await lanes.one_more())
            yield lanes

    async def one_more(self) -> Ground:
        """Make one."""
        return await self._held.enter_async_context(self._make())

    async def try_all(self, fault: Fault, victim: Victim) -> Sequence[Tried]:
        """Kill at each write, until runs end in which nobody was killed at one."""
        kills = kills_of(victim)
        tried: list[Tried] = []

        async def go_on(lane: int) -> None:
            while not is_over(tried, victim):
                found = await attempt(self.all[lane], fault, next(kills))
                tried.append(found)
                if found.orphans:
                    self.all[lane] = await self.one_more()

        async with asyncio.TaskGroup() as lanes:
            for lane in range(len(self.all)):
                lanes.create_task(go_on(lane))
        return tried


def kills_of(victim: Victim) -> Iterator[Kill]:
    """Yield the kills of a victim, without an end; who does not write is killed after writes."""
    sides = _sides(victim)
    return (Kill(victim, at, after) for at in itertools.count() for after in sides)


def is_over(tried: Sequence[Tried], victim: Victim) -> bool:
    """Say whether there is no further write: at one of them nobody was killed, on no side."""
    missed = [each.kill.at for each in tried if not each.reached]
    return any(missed.count(at) == len(_sides(victim)) for at in missed)


def _sides(victim: Victim) -> Sequence[bool]:
    return (True,) if victim is Victim.WORKERS else (False, True)
