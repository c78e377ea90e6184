"""fault-agent as a program, with the rights that it has, on a pod that this machine holds."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from ooda.common.clock import SystemClock
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import Ending, FaultRun, Phase, Undone
from ooda.common.settings import ClusterSettings
from ooda.injector.core.machine import INJECTOR
from servers.agent_rights import NAMESPACE, ON_NODES, grant_injector, token_of
from servers.breakable import TARGET, Breakable
from servers.control_plane import ControlPlane
from servers.datagrams import train
from servers.driving import driving
from servers.paper_kubelet import NODE
from servers.paused import paused, unable
from servers.processes import free_port
from servers.sandboxes import Place, Yard
from servers.standing_fault import node_of
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

TTL = 1.5
PROGRAM = """
import functools, pathlib, sys
from ooda.injector.node import __main__ as program
node, pods = map(pathlib.Path, sys.argv[1:])
program.Workers = functools.partial(program.Workers, node=node)
program.FencedSandboxes = functools.partial(program.FencedSandboxes, pods=pods)
program.main()
"""
"""The program, told where the node has its network and its pods: not where process 1 is, here."""


@dataclass
class Stage:
    """A target of one pod in a yard, and the program for its node."""

    breakable: Breakable
    yard: Yard
    environment: dict[str, str]
    log: Path
    pods: Path
    """Where the kubelet would say which pods are on the node."""

    @contextlib.contextmanager
    def program(self) -> Iterator["subprocess.Popen[bytes]"]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(node_of(self.yard)), str(self.pods)],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def ready(self) -> bool:
        port = self.environment["OODA_HEALTH_PORT"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def reached(self) -> bool:
        with train(self.yard.peer, self.yard.target) as datagrams:
            return datagrams.passes()

    async def run_in(self, run: FaultRun, phase: Phase) -> FaultRun:
        async def there() -> bool:
            return (await self.breakable.found(run.run_id)).phase is phase

        await until(there, 30)
        return await self.breakable.found(run.run_id)

    async def seen(self, run: FaultRun) -> None:
        """Wait until it was seen to bite."""

        async def bites() -> bool:
            return not (await self.breakable.found(run.run_id)).unproven

        await until(bites, 20)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    home: ControlPlane,
    kubelet: None,  # noqa: ARG001 - pods are run by it
    yard: Yard,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Stage]:
    if reason := unable():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("fault-agent")
    (folder / "config.toml").touch(mode=0o600)
    kubeconfig = home.kubeconfig("fault-agent-admin")
    async with ApiServer.connect(ClusterSettings(kubeconfig=kubeconfig)) as api:
        made = Breakable(home, api, await api.identity(), own=NAMESPACE)
        home.kubectl("create", "namespace", made.namespace)
        grant_injector(home, made.namespace)
        await made.fill()
        home.kubectl("-n", made.namespace, "scale", "deployment", TARGET, "--replicas=1")

        async def alone() -> bool:
            listed = await api.list(Kind.POD, made.namespace, labels={"app": TARGET})
            return len(listed) == 1

        await until(alone, 20)
        (pod,) = await api.list(Kind.POD, made.namespace, labels={"app": TARGET})
        inherited = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
        token = token_of(home, "fault-agent", namespace=ON_NODES)
        environment = inherited | {
            "OODA_CONFIG": str(folder / "config.toml"),
            "OODA_NAMESPACE": NAMESPACE,
            "OODA_NODE": NODE,
            "OODA_CLUSTER__KUBECONFIG": str(home.kubeconfig("fault-agent", token)),
            "OODA_HEALTH_PORT": str(free_port()),
        }
        uid, name = str(pod["metadata"]["uid"]), pod["metadata"]["name"]
        (folder / "pods" / f"{made.namespace}_{name}_{uid}").mkdir(parents=True)
        with paused(yard.target, uid, folder):
            yield Stage(made, yard, environment, folder / "fault-agent.log", folder / "pods")
        home.kubectl("delete", "namespace", made.namespace, "--wait=false")
        home.kubectl("-n", NAMESPACE, "delete", "faultruns", "--all")


def passes_again(target: Place, stage: Stage) -> float:
    """Return after how many seconds packets pass and nobody holds anything in the pod."""
    begun = time.monotonic()
    while not stage.reached() or target.queues():
        assert time.monotonic() - begun < TTL
    return time.monotonic() - begun


async def test_killed_while_its_fault_is_in_force_and_started_again(stage: Stage) -> None:
    breakable = stage.breakable
    async with driving(breakable.api, NAMESPACE, INJECTOR):
        with stage.program() as program:
            await until(stage.ready, 20)
            await until(breakable.healthy, 20)
            run = await breakable.admitted("network-cut")
            await stage.run_in(run, Phase.ACTIVE)
            assert not stage.reached()
            program.kill()
            program.wait()
            assert passes_again(stage.yard.target, stage) < TTL
        with stage.program():
            await until(lambda: not stage.reached(), 20)
            now = SystemClock().now()
            await abort_run(breakable.api, run.run_id, "alice", now, namespace=NAMESPACE)
            ended = await stage.run_in(run, Phase.ENDED)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    assert [each.undone for each in ended.steps] == [Undone.REVERTED]
    assert passes_again(stage.yard.target, stage) < TTL


async def test_told_to_stop_it_ends_its_faults_and_stops_well(stage: Stage) -> None:
    breakable = stage.breakable
    async with driving(breakable.api, NAMESPACE, INJECTOR, proves=True):
        with stage.program() as program:
            await until(stage.ready, 20)
            await until(breakable.healthy, 20)
            run = await breakable.admitted("network-cut", duration_seconds=5)
            await stage.run_in(run, Phase.ACTIVE)
            assert not stage.reached()  # a packet that is lost: names are not looked up here
            await stage.seen(run)
            program.send_signal(signal.SIGTERM)
            await until(lambda: program.poll() is not None)
            assert program.returncode == 0
            assert passes_again(stage.yard.target, stage) < TTL
        with stage.program():
            ended = await stage.run_in(run, Phase.ENDED)
    assert ended.ending is Ending.EXPIRED


async def test_without_the_name_of_its_node_it_does_not_start(stage: Stage) -> None:
    without = {key: value for key, value in stage.environment.items() if key != "OODA_NODE"}
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ooda.injector.node"), env=without, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await done.communicate()
    assert done.returncode == 1
    assert b"node" in said.lower()
