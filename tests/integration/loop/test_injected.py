"""What the injector breaks the loop repairs; the run ends by that, and its report shows it."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.fault_runs import Ending, FaultRun, Phase
from ooda.common.run_reports import RecoveredBy, RunReport, Stage
from ooda.common.settings import ClusterSettings
from ooda.common.taxonomy import ActionKind
from ooda.common.topology import Account, Service
from ooda.injector.announcer import Announcer
from ooda.injector.core.machine import INJECTOR
from ooda.injector.driver import Driver
from ooda.injector.evaluating import Evaluator
from ooda.injector.overseer import Overseer
from ooda.injector.proving import Prover
from servers.breakable import Breakable
from servers.control_plane import ControlPlane
from servers.loop import Loop
from servers.loop_bus import LoopBus
from servers.story import WORKLOAD, Story
from servers.trail import Database
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(150)]


@dataclass
class Broken:
    """A story in a namespace that may be broken, and the injector's parts for it."""

    story: Story
    breakable: Breakable
    evaluator: Evaluator

    async def over(self, run: FaultRun) -> FaultRun:
        async def ended() -> bool:
            return (await self.breakable.found(run.run_id)).phase is Phase.ENDED

        await until(ended, 100)
        return await self.breakable.found(run.run_id)


@pytest_asyncio.fixture(loop_scope="package")
async def broken(
    plane: ControlPlane, bus: LoopBus, services: Loop, database: Database
) -> AsyncIterator[Broken]:
    namespace = f"fault-injection-{uuid.uuid4().hex[:6]}"
    story = Story(plane, bus, services, database, namespace)
    await story.begin()
    kubeconfig = plane.kubeconfig("breaks-what-is-healed")
    async with (
        ApiServer.connect(ClusterSettings(kubeconfig=kubeconfig)) as api,
        bus.running(Service.INJECTOR) as loop,
        bus.running(Service.INJECTOR, Account.FAULTS) as faults,
    ):
        breakable = Breakable(plane, api, await api.identity(), namespace=namespace)
        plane.kubectl("create", "namespace", breakable.own)
        evaluator, clock = Evaluator(loop=loop, faults=faults), SystemClock()
        tasks = [
            asyncio.create_task(each)
            for each in (
                Driver(api, breakable.own, clock, INJECTOR).run(),
                Overseer(api, breakable.own, evaluator, clock).run(),
                Announcer(api, breakable.own, faults, clock).run(),
                Prover(api, breakable.own, clock).run(),
            )
        ]
        yield Broken(story, breakable, evaluator)
        for each in tasks:
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each
        plane.kubectl("delete", "namespace", breakable.own, "--wait=false")
    await story.end()


SCENARIOS: Mapping[str, tuple[Mapping[str, str], ActionKind]] = {
    "image-pull-failure": ({"tag": "broken"}, ActionKind.ROLL_BACK_WORKLOAD),
    "replica-scale-down": ({}, ActionKind.SCALE_TO_KNOWN_GOOD),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_healed_by_the_loop_the_run_ends_and_says_so(broken: Broken, scenario: str) -> None:
    parameters, action = SCENARIOS[scenario]
    before = await broken.breakable.contents()
    run = await broken.breakable.admitted(
        scenario, target=WORKLOAD, duration_seconds=120.0, parameters=parameters
    )
    ended = await broken.over(run)
    assert (ended.ending, ended.repaired_by_agent) == (Ending.REPAIRED, True)
    assert await broken.breakable.contents() == before
    report: RunReport = await broken.evaluator.report(ended)
    assert (report.class_right, report.component_right) == (True, True), report
    assert [each.action for each in report.remediations] == [action]
    assert (report.remediation_right, report.recovered_by) == (True, RecoveredBy.AGENT)
    assert {stage for stage, at in report.stages.items() if at is None} == set()
    # The agent may be quicker than the probe, and what it wrote be seen to help before it says so.
    looked = (Stage.EFFECTIVE, Stage.RECOVERED)
    order = [at.ms for stage, at in report.stages.items() if at and stage not in looked]
    assert order[3:] == sorted(order[3:]), report.stages
    assert report.detection.from_injection_ms is not None
    assert report.detection.from_injection_ms < 30_000
