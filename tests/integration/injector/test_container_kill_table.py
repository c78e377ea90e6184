"""Faults in a container, whoever is killed at whatever step of the journal: no orphans.

API server, controllers, processes, clock and disk are real; the target's pod is on paper, and its
container a process of this machine. fault-agent is a process, too, and killed by SIGKILL.
"""

import asyncio
import contextlib
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from factories.long_tables import sampled
from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Ending, FaultRun, Phase, Undone
from ooda.injector.core.machine import INJECTOR, Role
from servers.breakable import TARGET, Breakable
from servers.driving import driving
from servers.fitting import CLOCK, VOLUME_NAME, fit
from servers.mortal_fault_agent import hands_for
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.pods import VOLUME, Container, Pod, unable
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

AT_ONCE = Role(begins=False, grace=0.1)
NAME = "report-archive.csv"


@dataclass
class Stage:
    """The target with one pod, whose container runs."""

    breakable: Breakable
    pod: Pod
    containers: list[Container] = field(default_factory=list)

    def start(self) -> None:
        """Start the container, with a clock that can be put off."""
        container = self.pod.start()
        container.path(CLOCK).write_bytes(bytes(16))
        self.containers.append(container)

    @property
    def container(self) -> Container:
        return self.containers[-1]

    @contextlib.asynccontextmanager
    async def agent(self) -> AsyncIterator[None]:
        """Run a fault-agent that nobody kills."""
        hands = hands_for(self.pod.uid, self.pod.pause.pid)
        async with on_node(self.breakable.api, self.breakable.own, NODE, hands):
            yield

    @contextlib.contextmanager
    def mortal(self, at: str, when: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a fault-agent that is killed at a write."""
        program = [sys.executable, "-m", "servers.mortal_fault_agent"]
        kubeconfig = str(self.breakable.plane.kubeconfig("mortal"))
        place = [self.breakable.own, NODE, self.pod.uid, str(self.pod.pause.pid)]
        paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
        process = subprocess.Popen(
            [*program, kubeconfig, *place, at, when],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            yield process
        finally:
            process.kill()
            process.communicate()

    async def reached(self, run: FaultRun, phase: Phase) -> FaultRun:
        async def there() -> bool:
            return (await self.breakable.found(run.run_id)).phase is phase

        await until(there, 40)
        return await self.breakable.found(run.run_id)

    async def abort(self, run: FaultRun) -> None:
        breakable = self.breakable
        now = SystemClock().now()
        await abort_run(breakable.api, run.run_id, "alice", now, namespace=breakable.own)


class Effect(Protocol):
    """What is seen of one fault."""

    scenario: str
    parameters: dict[str, str]

    def bites(self, stage: Stage) -> bool: ...

    def left(self, stage: Stage) -> Sequence[str]:
        """Say what of it is there."""
        ...


class Clock:
    scenario = "jwt-expiry"
    parameters = {"skew_seconds": "60"}  # noqa: RUF012 - nobody changes it

    def bites(self, stage: Stage) -> bool:
        return self._end(stage) > time.monotonic_ns()

    def left(self, stage: Stage) -> Sequence[str]:
        return ["an end"] if self._end(stage) else []

    def _end(self, stage: Stage) -> int:
        _, end = struct.unpack("=qq", stage.container.path(CLOCK).read_bytes())
        return int(end)


class Crashes:
    """The container is started again whenever somebody looks."""

    scenario = "crash-loop"
    parameters = {"restarts": "100"}  # noqa: RUF012 - nobody changes it

    def bites(self, stage: Stage) -> bool:
        if not stage.container.lives():
            stage.start()
            return True
        return False

    def left(self, stage: Stage) -> Sequence[str]:
        if not stage.container.lives():
            stage.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            stage.container.process.wait(0.5)
            return ["somebody who kills it"]
        return []


class Disk:
    scenario = "disk-pressure"
    parameters = {"volume": VOLUME_NAME, "free_percent": "40"}  # noqa: RUF012 - nobody changes it

    def bites(self, stage: Stage) -> bool:
        found = os.statvfs(stage.container.path(VOLUME))
        return found.f_bavail < 0.5 * found.f_blocks

    def left(self, stage: Stage) -> Sequence[str]:
        return [each.name for each in stage.container.path(VOLUME).iterdir()]


EFFECTS: Sequence[Effect] = (Clock(), Crashes(), Disk())
WHEN = ("before", "after")
each_effect = pytest.mark.parametrize("effect", EFFECTS, ids=lambda each: each.scenario)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fitted(kept: Breakable) -> Breakable:
    plane, namespace = kept.plane, kept.namespace
    plane.kubectl("-n", namespace, "scale", "deployment", TARGET, "--replicas=1")
    fit(plane, namespace, TARGET)
    await until(kept.healthy, 30)

    async def one() -> bool:
        pods = await kept.api.list(Kind.POD, namespace, labels={"app": TARGET})
        return len(pods) == 1

    await until(one, 30)
    return kept


@pytest_asyncio.fixture(loop_scope="module")
async def stage(fitted: Breakable, tmp_path: Path) -> AsyncIterator[Stage]:
    if reason := unable():
        pytest.skip(reason)
    (live,) = await fitted.api.list(Kind.POD, fitted.namespace, labels={"app": TARGET})
    with Pod.made(tmp_path, live["metadata"]["uid"]) as pod:
        made = Stage(fitted, pod)
        made.start()
        yield made
        assert await fitted.leases() == []


async def begun(stage: Stage, effect: Effect, seconds: float = 60) -> FaultRun:
    return await stage.breakable.admitted(
        effect.scenario, parameters=effect.parameters, duration_seconds=seconds
    )


@each_effect
async def test_there_and_back(stage: Stage, effect: Effect) -> None:
    async with stage.agent(), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await begun(stage, effect)
        await stage.reached(run, Phase.ACTIVE)
        await until(lambda: effect.bites(stage), 5)
        await stage.abort(run)
        ended = await stage.reached(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    (step,) = ended.steps
    assert step.undone is Undone.REVERTED
    assert step.realised
    assert effect.left(stage) == []
    assert not effect.bites(stage)


KILLS = sampled(
    [(effect, at, when) for effect in EFFECTS for at in ("in force", "over") for when in WHEN],
    # Each mechanism once, at the write that says that it is in force.
    always=lambda row: row[1:] == ("in force", "before"),
    name=lambda row: f"{row[0].scenario}-{row[1]}-{row[2]}",
)


@pytest.mark.parametrize(("effect", "at", "when"), KILLS)
async def test_fault_agent_killed_at_a_write_and_started_again(
    stage: Stage, effect: Effect, at: str, when: str
) -> None:
    async with driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        with stage.mortal(at, when) as agent:
            run = await begun(stage, effect)
            if at == "over":
                await stage.reached(run, Phase.ACTIVE)
                await stage.abort(run)
            assert await asyncio.to_thread(agent.wait, 30) == -signal.SIGKILL
        async with stage.agent():
            if at == "in force":
                await stage.reached(run, Phase.ACTIVE)
                await until(lambda: effect.bites(stage), 5)
                await stage.abort(run)
            ended = await stage.reached(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    assert effect.left(stage) == []
    assert not effect.bites(stage)


@each_effect
async def test_all_killed_it_ends_by_itself(stage: Stage, effect: Effect) -> None:
    """Injector and fault-agent are dead, and nobody takes anything back."""
    async with driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        with stage.mortal("over", "before"):
            run = await begun(stage, effect, seconds=4)
            active = await stage.reached(run, Phase.ACTIVE)
    assert active.expires_at is not None
    left = (active.expires_at - SystemClock().now()).total_seconds()
    await until(lambda: not effect.bites(stage), left + 0.5)
    async with driving(stage.breakable.api, stage.breakable.own, AT_ONCE):
        ended = await stage.reached(run, Phase.ENDED)
    (step,) = ended.steps
    assert step.undone is Undone.GONE
    assert "nobody on its node said that the fault is over" in step.problem


async def test_a_clean_up_of_the_application_repairs_it(stage: Stage) -> None:
    async with stage.agent(), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await begun(stage, Disk())
        await stage.reached(run, Phase.ACTIVE)
        stage.container.path(VOLUME / NAME).unlink()

        async def repaired() -> bool:
            (step,) = (await stage.breakable.found(run.run_id)).steps
            return step.undone is Undone.REPAIRED

        await until(repaired, 5)
        assert not Disk().bites(stage)
        await stage.abort(run)
        ended = await stage.reached(run, Phase.ENDED)
    assert ended.repaired_by_agent


async def test_a_target_that_has_no_such_clock_or_disk_is_refused(stage: Stage) -> None:
    breakable = stage.breakable
    for scenario in ("jwt-expiry", "disk-pressure"):
        refusal = await breakable.refused(scenario=scenario, target="web")
        assert refusal.code == "not_applicable"
