"""Injector and reaper as processes, with the rights that they have, asked by the command.

The reaper needs neither NATS nor the injector: both are killed here.
"""

import asyncio
import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
import pytest_asyncio

from fakes.hands import HoldingHands
from ooda.common.bus.injecting import NoLongerToldError, request_fault
from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.events import FaultRequested
from ooda.common.fault_runs import Ending, FaultRun, Phase
from ooda.common.run_reports import RecoveredBy, RunReport
from ooda.common.run_reports import Stage as Reached
from ooda.common.settings import ClusterSettings
from ooda.common.topology import Service
from ooda.injector.core.fence import Limits
from servers.agent_rights import NAMESPACE, grant_injector, token_of
from servers.breakable import TARGET, Breakable
from servers.command_line import Ooda
from servers.control_plane import ControlPlane
from servers.loop_bus import LoopBus, loop_bus
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.processes import free_port
from servers.waiting import until

BROKEN = ("--parameter", "tag=broken")
"""The one tag that the kubelet of these tests cannot pull."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@dataclass
class Program:
    """A program that can be killed and started again."""

    module: str
    environment: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module], env=self.environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.kill()


@dataclass
class Stage:
    """All of it."""

    breakable: Breakable
    bus: LoopBus
    ooda: Ooda
    injector: Program
    reaper: Program

    async def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return await asyncio.to_thread(self.ooda, *arguments)

    def inject(
        self, scenario: str, *more: str, seconds: float
    ) -> "asyncio.Task[subprocess.CompletedProcess[str]]":
        where = ("--target", TARGET, "--namespace", self.breakable.namespace)
        told = ("inject", scenario, *where, "--duration", f"{seconds:g}s", *more)
        # A process of its own: what is asked meanwhile in this one would mix with what it prints.
        return asyncio.create_task(asyncio.to_thread(self.ooda.process, *told))

    async def run_in(self, phase: Phase) -> FaultRun:
        """Return the newest run, once it is in a phase and, if that is active, seen to bite."""
        found: list[FaultRun] = []

        async def there() -> bool:
            listed = json.loads((await self.command("runs", "list", "-o", "json")).stdout)
            runs = [FaultRun.model_validate(each) for each in listed]
            found[:] = [
                each
                for each in runs[:1]
                if each.phase is phase and not (phase is Phase.ACTIVE and each.unproven)
            ]
            return bool(found)

        await until(there, 40)
        return found[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LoopBus]:
    async with loop_bus(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    home: ControlPlane,
    bus: LoopBus,
    kubelet: None,  # noqa: ARG001 - pods are run by it
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("injector")
    kubeconfig = home.kubeconfig("stage")
    async with ApiServer.connect(ClusterSettings(kubeconfig=kubeconfig)) as api:
        breakable = Breakable(home, api, await api.identity(), own=NAMESPACE)
        home.kubectl("create", "namespace", breakable.namespace)
        grant_injector(home, breakable.namespace)
        await breakable.fill()
        ooda = Ooda(folder).with_bus(bus)
        ooda.environment["OODA_CLUSTER__KUBECONFIG"] = str(kubeconfig)
        programs = programs_of(folder, home, bus, breakable.limits)
        yield Stage(breakable, bus, ooda, *programs)
        home.kubectl("delete", "namespace", breakable.namespace, "--wait=false")
        home.kubectl("-n", NAMESPACE, "delete", "faultruns", "--all")


def programs_of(
    folder: Path, plane: ControlPlane, bus: LoopBus, limits: Limits
) -> tuple[Program, Program]:
    (folder / "config.toml").touch(mode=0o600)
    inherited = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}

    def environment(account: str) -> dict[str, str]:
        config = plane.kubeconfig(f"stage-{account}", token_of(plane, account))
        return inherited | {
            "OODA_CONFIG": str(folder / "config.toml"),
            "OODA_NAMESPACE": NAMESPACE,
            "OODA_IDENTITY": f"{account}-of-a-test",
            "OODA_CLUSTER__KUBECONFIG": str(config),
            "OODA_HEALTH_PORT": str(free_port()),
        }

    injector = environment("injector") | {
        "OODA_NATS__URL": bus.url,
        "OODA_NATS__PASSWORD": bus.passwords[f"{Service.INJECTOR.upper()}_PASSWORD"],
        "OODA_PINNED_CLUSTER": limits.cluster,
        "OODA_APPROVED_NAMESPACES": json.dumps(sorted(limits.namespaces)),
    }
    return (
        Program("ooda.injector", injector, folder / "injector.log"),
        Program("ooda.injector.reaper", environment("reaper"), folder / "reaper.log"),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(stage: Stage) -> AsyncIterator[Stage]:
    with stage.injector.running(), stage.reaper.running():

        async def answers() -> bool:
            return (await stage.command("scenarios", "list", "--wait", "0.5")).returncode == 0

        await until(answers, 40)
        yield stage


async def test_what_there_is_is_told(running: Stage) -> None:
    listed = await running.command("scenarios", "list")
    assert "service-misroute" in listed.stdout
    described = await running.command("scenarios", "describe", "oom-kill")
    assert "6 to 4096 Mi, default 16" in described.stdout
    explained = await running.command("scenarios", "explain", "oom-kill")
    assert "It ends by itself" in explained.stdout
    unknown = await running.command("scenarios", "describe", "meltdown")
    assert (unknown.returncode, "no scenario 'meltdown'" in unknown.stderr) == (1, True)


async def test_a_dry_run_tells_all_and_writes_nothing(running: Stage) -> None:
    before = await running.breakable.contents()
    done = await running.inject("service-misroute", "--dry-run", seconds=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert "/spec/ports/name=http/targetPort from 8080 to 9" in done.stdout
    refused = await running.inject("service-misroute", "--dry-run", seconds=3600)
    assert (refused.returncode, "too_long" in refused.stderr) == (1, True)
    assert await running.breakable.contents() == before
    assert (await running.command("runs", "list")).stdout == "There was no run.\n"


async def test_what_is_refused_says_so(running: Stage) -> None:
    done = await running.inject("service-misroute", seconds=3600)
    assert (done.returncode, "fault.refused" in done.stdout) == (1, True)
    assert "3600 s are too long" in done.stdout


async def test_a_fault_on_nodes_is_told_and_there_and_back(running: Stage) -> None:
    told = await running.inject("latency-spike", "--intensity", "200ms", "--dry-run", seconds=30)
    assert (told.returncode, told.stderr) == (0, "")
    (first, second, *_) = told.stdout.splitlines()
    for line in (first, second):
        assert line.startswith(f"On node {NODE}, in Pod {running.breakable.namespace}/{TARGET}-")
        assert line.endswith("the packets that it receives are 200 ms late, give or take 0 ms.")
    async with on_node(running.breakable.api, NAMESPACE, NODE, HoldingHands(biting=True)):
        done = await running.inject("latency-spike", "--intensity", "200ms", seconds=1)
    assert (done.returncode, "fault.cleared" in done.stdout) == (0, True)
    (run, *_) = json.loads((await running.command("runs", "list", "-o", "json")).stdout)
    shown = await running.command("runs", "show", run["run_id"])
    assert "reverted, packets 7" in shown.stdout


async def test_there_and_back(running: Stage) -> None:
    before = await running.breakable.contents()
    done = await running.inject("service-misroute", seconds=4)
    assert (done.returncode, done.stderr) == (0, "")
    told = [line.split()[1] for line in done.stdout.splitlines()[1:]]
    assert told == ["fault.requested", "fault.armed", "fault.effective", "fault.cleared"]
    assert await running.breakable.contents() == before
    run = await running.run_in(Phase.ENDED)
    shown = await running.command("runs", "show", run.run_id[:-2])
    assert "change Service" in shown.stdout


async def test_a_run_is_evaluated_without_an_agent(running: Stage) -> None:
    run = await running.run_in(Phase.ENDED)
    done = await running.command("runs", "report", run.run_id, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    report = RunReport.model_validate_json(done.stdout)
    jsonschema.validate(json.loads(done.stdout), RunReport.model_json_schema(mode="serialization"))
    assert (report.run_id, report.agent_seen) == (run.run_id, False)
    reached = [stage for stage, at in report.stages.items() if at is not None]
    assert reached == [
        Reached.REQUESTED,
        Reached.ADMITTED,
        Reached.ARMED,
        Reached.MUTATED,
        Reached.EFFECTIVE,
        Reached.RECOVERED,
        Reached.TEARDOWN_STARTED,
        Reached.REVERTED,
        Reached.BASELINE_RESTORED,
    ]
    assert report.clock_offset is not None
    assert abs(report.clock_offset.ms) < 1000
    assert report.recovered_by is RecoveredBy.EXPIRY
    told = await running.command("runs", "report", run.run_id)
    assert "no agent was heard" in told.stdout


async def test_a_list_of_runs_is_made_interrupted_and_resumed(
    running: Stage, tmp_path: Path
) -> None:
    before = await running.breakable.contents()
    batch, results = tmp_path / "batch.yaml", tmp_path / "results"
    batch.write_text(
        f"namespace: {running.breakable.namespace}\nduration: 4s\nruns:\n"
        f"  - {{scenario: service-misroute, target: {TARGET}}}\n"
        f"  - {{scenario: image-pull-failure, target: {TARGET}, duration: 5m,"
        f" parameters: {{tag: broken}}}}\n"
        f"  - {{scenario: service-misroute, target: nothing}}\n"
    )
    told = ("inject", "--file", str(batch), "--results", str(results))
    program = running.ooda.start(*told)
    await until((results / "001-service-misroute.json").exists, 40)
    run = await running.run_in(Phase.ACTIVE)
    program.send_signal(signal.SIGINT)
    said, wrong = await asyncio.to_thread(program.communicate, timeout=40)
    assert (program.returncode, wrong) == (130, "")
    assert "1 of 3 runs evaluated, 0 refused" in said
    assert (await running.breakable.found(run.run_id)).ending is Ending.ABORTED
    assert await running.breakable.contents() == before

    again = running.ooda.start(*told, "--resume")
    second = await running.run_in(Phase.ACTIVE)
    aborted = await running.command("abort", second.run_id)
    assert (aborted.returncode, aborted.stderr) == (0, "")
    said, wrong = await asyncio.to_thread(again.communicate, timeout=40)
    assert (again.returncode, wrong) == (1, "")
    assert "001-service-misroute is done already" in said
    assert "2 of 3 runs evaluated, 1 refused" in said
    assert "no_target" in (results / "summary.md").read_text()
    kept = RunReport.model_validate_json((results / "002-image-pull-failure.json").read_bytes())
    assert (kept.run_id, kept.ending) == (second.run_id, Ending.ABORTED)


async def test_a_fault_that_nobody_sees_bite_has_failed(running: Stage) -> None:
    before = await running.breakable.contents()
    # A tag that is there, as far as the kubelet of this test knows.
    done = await running.inject("image-pull-failure", "--parameter", "tag=2", seconds=2)
    assert (done.returncode, done.stderr) == (1, "")
    assert "No effect was seen within 2 s; the baseline is back." in done.stdout
    assert "fault.effective" not in done.stdout
    assert await running.breakable.contents() == before


@pytest.mark.parametrize("told_by", [signal.SIGINT, signal.SIGTERM])
async def test_told_to_stop_it_takes_it_back_before_it_ends(
    running: Stage, told_by: signal.Signals
) -> None:
    before = await running.breakable.contents()
    where = ("--target", TARGET, "--namespace", running.breakable.namespace)
    program = running.ooda.start(
        "inject", "image-pull-failure", *where, "--duration", "5m", *BROKEN
    )
    run = await running.run_in(Phase.ACTIVE)
    program.send_signal(told_by)
    told, wrong = await asyncio.to_thread(program.communicate, timeout=40)
    assert (program.returncode, wrong) == (0, "")
    assert told.splitlines()[-1].startswith(f"Run {run.run_id}: ended.")
    assert (await running.breakable.found(run.run_id)).ending is Ending.ABORTED
    assert await running.breakable.contents() == before


async def test_the_injector_killed_the_reaper_ends_it_in_time_and_it_is_told_later(
    running: Stage,
) -> None:
    before = await running.breakable.contents()
    asked = running.inject("service-misroute", seconds=6)
    await running.run_in(Phase.ACTIVE)
    running.injector.kill()
    ended = await running.run_in(Phase.ENDED)
    assert ended.expires_at is not None
    late = ended.times[str(Phase.VERIFYING)] - ended.expires_at
    assert late <= dt.timedelta(seconds=10)
    assert await running.breakable.contents() == before
    assert await running.breakable.leases_of_runs() == []
    running.injector.start()
    done = await asked
    assert (done.returncode, "fault.cleared" in done.stdout) == (0, True)


async def test_nats_gone_it_is_followed_by_its_journal(running: Stage) -> None:
    asked = running.inject("service-misroute", seconds=8)
    await running.run_in(Phase.ACTIVE)
    running.bus.kill()
    done = await asked
    assert (done.returncode, done.stderr) == (0, "")
    assert "NATS is gone. Its journal says how it ends" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(": ended (expired).")
    running.bus.start()

    async def heard() -> bool:
        return (await running.command("scenarios", "list", "--wait", "0.5")).returncode == 0

    await until(heard, 40)


async def test_a_request_that_no_injector_answers_is_not_followed_for_ever(running: Stage) -> None:
    running.injector.kill()
    now = SystemClock().now()
    request = FaultRequested(
        event_id="e",
        summary="alice asks.",
        occurred_at=now,
        cluster_id=running.breakable.cluster_id,
        namespace=running.breakable.namespace,
        run_id="run-of-nobody",
        scenario="service-misroute",
        target=TARGET,
        intensity=None,
        duration_seconds=5,
        valid_until=now - dt.timedelta(seconds=4),
    )
    async with aclosing(request_fault(running.bus.settings(Service.CLI), request)) as told:
        assert isinstance(await anext(told), FaultRequested)
        with pytest.raises(NoLongerToldError, match="No injector has answered"):
            await anext(told)
    running.injector.start()


async def test_an_abort_needs_neither_nats_nor_the_injector(running: Stage) -> None:
    before = await running.breakable.contents()
    where = ("--target", TARGET, "--namespace", running.breakable.namespace)
    asking = running.ooda.start("inject", "image-pull-failure", *where, "--duration", "1m", *BROKEN)
    run = await running.run_in(Phase.ACTIVE)
    asking.kill()
    asking.communicate()
    running.injector.kill()
    running.bus.kill()
    began = SystemClock().now()
    done = await running.command("abort", run.run_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert SystemClock().now() - began < dt.timedelta(seconds=20)
    assert (await running.run_in(Phase.ENDED)).ending is Ending.ABORTED
    assert await running.breakable.contents() == before
