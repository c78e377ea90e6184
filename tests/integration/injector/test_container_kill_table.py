"""Faults in a container, whoever is killed at whatever step of the journal: no orphans.

API server, controllers, processes, clock and disk are real; the target's pod is on paper, and its
container a process of this machine. fault-agent is a process, too, and killed by SIGKILL.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Ending, FaultRun, Phase, Undone
from ooda.injector.core.machine import INJECTOR
from servers.breakable import TARGET, Breakable
from servers.container_ground import ContainerGround, clock_end, files_in
from servers.driving import AT_ONCE, driving
from servers.fitting import VOLUME_NAME, fit_one
from servers.mortal_fault_agent import Told, mortal_fault_agent
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.pods import VOLUME, Pod, unable
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

WRITES = ("in force", "over")
"""What fault-agent writes for the one pod of a run."""
NAME = "report-archive.csv"


@contextlib.asynccontextmanager
async def agent(ground: ContainerGround) -> AsyncIterator[None]:
    """Run a fault-agent that nobody kills."""
    breakable, hands = ground.breakable, ground.node().hands()
    async with on_node(breakable.api, breakable.own, NODE, hands):
        yield


def killed_at(ground: ContainerGround, at: str, *, after: bool) -> Told:
    """Say at which write a fault-agent is killed."""
    return Told(
        kubeconfig=ground.breakable.plane.kubeconfig("mortal"),
        namespace=ground.breakable.own,
        name=NODE,
        node=ground.node(),
        at=WRITES.index(at),
        after=after,
    )


class Effect(Protocol):
    """What is seen of one fault."""

    scenario: str
    parameters: dict[str, str]

    def bites(self, stage: ContainerGround) -> bool: ...

    def left(self, stage: ContainerGround) -> Sequence[str]:
        """Say what of it is there."""
        ...


class Clock:
    scenario = "jwt-expiry"
    parameters = {"skew_seconds": "60"}  # noqa: RUF012 - nobody changes it

    def bites(self, stage: ContainerGround) -> bool:
        return clock_end(stage.container) > time.monotonic_ns()

    def left(self, stage: ContainerGround) -> Sequence[str]:
        return ["an end"] if clock_end(stage.container) else []


class Crashes:
    """The container is started again whenever somebody looks."""

    scenario = "crash-loop"
    parameters = {"restarts": "100"}  # noqa: RUF012 - nobody changes it

    def bites(self, stage: ContainerGround) -> bool:
        if not stage.container.lives():
            stage.start()
            return True
        return False

    def left(self, stage: ContainerGround) -> Sequence[str]:
        if not stage.container.lives():
            stage.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            stage.container.process.wait(0.5)
            return ["somebody who kills it"]
        return []


class Disk:
    scenario = "disk-pressure"
    parameters = {"volume": VOLUME_NAME, "free_percent": "40"}  # noqa: RUF012 - nobody changes it

    def bites(self, stage: ContainerGround) -> bool:
        found = os.statvfs(stage.container.path(VOLUME))
        return found.f_bavail < 0.5 * found.f_blocks

    def left(self, stage: ContainerGround) -> Sequence[str]:
        return files_in(stage.container)


class Leak:
    """Less than the container may have, so that it lives."""

    scenario = "memory-leak"
    parameters = {"leak_mib": "8"}  # noqa: RUF012 - nobody changes it

    def bites(self, stage: ContainerGround) -> bool:
        return bool(stage.container.others_in_memory())

    def left(self, stage: ContainerGround) -> Sequence[str]:
        return [f"process {each}" for each in stage.container.others_in_memory()]


EFFECTS: Sequence[Effect] = (Clock(), Crashes(), Disk(), Leak())
each_effect = pytest.mark.parametrize("effect", EFFECTS, ids=lambda each: each.scenario)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fitted(kept: Breakable) -> Breakable:
    await fit_one(kept)
    return kept


@pytest_asyncio.fixture(loop_scope="module")
async def stage(fitted: Breakable, tmp_path: Path) -> AsyncIterator[ContainerGround]:
    if reason := unable():
        pytest.skip(reason)
    (live,) = await fitted.api.list(Kind.POD, fitted.namespace, labels={"app": TARGET})
    with Pod.made(tmp_path, live["metadata"]["uid"]) as pod:
        made = ContainerGround(fitted, pod)
        made.start()
        yield made
        assert await fitted.leases() == []


async def begun(stage: ContainerGround, effect: Effect, seconds: float = 60) -> FaultRun:
    return await stage.breakable.admitted(
        effect.scenario, parameters=effect.parameters, duration_seconds=seconds
    )


@each_effect
async def test_there_and_back(stage: ContainerGround, effect: Effect) -> None:
    async with agent(stage), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await begun(stage, effect)
        await stage.breakable.reached(run, Phase.ACTIVE)
        await until(lambda: effect.bites(stage), 5)
        await stage.breakable.abort(run)
        ended = await stage.breakable.reached(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    (step,) = ended.steps
    assert step.undone is Undone.REVERTED
    assert step.realised
    assert effect.left(stage) == []
    assert not effect.bites(stage)


@each_effect
async def test_fault_agent_killed_and_started_again(stage: ContainerGround, effect: Effect) -> None:
    """It is in force, and that is not written down. `make kill-matrix` tries every other write."""
    breakable = stage.breakable
    async with driving(breakable.api, breakable.own, INJECTOR):
        async with mortal_fault_agent(killed_at(stage, "in force", after=False)) as mortal:
            run = await begun(stage, effect)
            async with asyncio.timeout(30):
                assert await mortal.wait() == -signal.SIGKILL
        async with agent(stage):
            await breakable.reached(run, Phase.ACTIVE)
            await until(lambda: effect.bites(stage), 5)
            await breakable.abort(run)
            ended = await breakable.reached(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    assert effect.left(stage) == []
    assert not effect.bites(stage)


@each_effect
async def test_all_killed_it_ends_by_itself(stage: ContainerGround, effect: Effect) -> None:
    """Injector and fault-agent are dead, and nobody takes anything back."""
    async with (
        driving(stage.breakable.api, stage.breakable.own, INJECTOR),
        mortal_fault_agent(killed_at(stage, "over", after=False)),
    ):
        run = await begun(stage, effect, seconds=4)
        active = await stage.breakable.reached(run, Phase.ACTIVE)
    assert active.expires_at is not None
    left = (active.expires_at - SystemClock().now()).total_seconds()
    await until(lambda: not effect.bites(stage), left + 0.5)
    async with driving(stage.breakable.api, stage.breakable.own, AT_ONCE):
        ended = await stage.breakable.reached(run, Phase.ENDED)
    (step,) = ended.steps
    assert step.undone is Undone.GONE
    assert "nobody on its node said that the fault is over" in step.problem


async def test_a_clean_up_of_the_application_repairs_it(stage: ContainerGround) -> None:
    async with agent(stage), driving(stage.breakable.api, stage.breakable.own, INJECTOR):
        run = await begun(stage, Disk())
        await stage.breakable.reached(run, Phase.ACTIVE)
        stage.container.path(VOLUME / NAME).unlink()

        async def repaired() -> bool:
            (step,) = (await stage.breakable.found(run.run_id)).steps
            return step.undone is Undone.REPAIRED

        await until(repaired, 5)
        assert not Disk().bites(stage)
        await stage.breakable.abort(run)
        ended = await stage.breakable.reached(run, Phase.ENDED)
    assert (ended.repaired, ended.repaired_by_agent) == (True, False)


async def test_a_target_that_has_no_such_clock_or_disk_is_refused(stage: ContainerGround) -> None:
    breakable = stage.breakable
    for scenario in ("jwt-expiry", "disk-pressure"):
        refusal = await breakable.refused(scenario=scenario, target="web")
        assert refusal.code == "not_applicable"
