"""A run in pods' networks is proven, and verified, by lookups from within these networks.

The API server and the kernel are real, the pods are on paper, and their server of names is a
place of the yard.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from ooda.common.clock import SystemClock
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_aborts import abort_run
from ooda.common.fault_runs import EFFECTIVE, Ending, FaultRun, Phase, Undone
from ooda.common.node_means import Proof
from ooda.injector.core.machine import INJECTOR
from ooda.injector.journal import Journal
from ooda.injector.node.hands import NodeHands
from ooda.injector.node.workers import Workers
from servers.breakable import TARGET, Breakable
from servers.driving import driving
from servers.names import naming
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.sandboxes import BYSTANDER, PaperSandboxes, Yard
from servers.standing_fault import node_of
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

TOLD = f"search shop.svc.cluster.local svc.cluster.local\nnameserver {BYSTANDER}\n"


@dataclass
class Stage:
    """The target with two pods, which ask the bystander for names."""

    breakable: Breakable
    yard: Yard
    hands: NodeHands

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        breakable = self.breakable
        async with (
            on_node(breakable.api, breakable.own, NODE, self.hands),
            driving(breakable.api, breakable.own, INJECTOR, proves=True),
        ):
            yield

    async def asked(self, scenario: str, **parameters: str) -> FaultRun:
        await until(self.breakable.healthy, 30)
        return await self.breakable.admitted(scenario, parameters=parameters)

    async def effective(self, run: FaultRun) -> FaultRun:
        async def seen() -> bool:
            return EFFECTIVE in (await self.breakable.found(run.run_id)).times

        await until(seen, 20)
        return await self.breakable.found(run.run_id)

    async def over(self, run: FaultRun) -> FaultRun:
        breakable = self.breakable
        now = SystemClock().now()
        await abort_run(breakable.api, run.run_id, "alice", now, namespace=breakable.own)

        async def ended() -> bool:
            return (await breakable.found(run.run_id)).phase is Phase.ENDED

        await until(ended, 30)
        return await breakable.found(run.run_id)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(kept: Breakable, yard: Yard, tmp_path: Path) -> Stage:
    return await staged(kept, yard, tmp_path)


async def staged(breakable: Breakable, yard: Yard, tmp_path: Path) -> Stage:
    await until(breakable.healthy, 30)
    pods = await breakable.api.list(Kind.POD, breakable.namespace, labels={"app": TARGET})
    uids = sorted(each["metadata"]["uid"] for each in pods)
    places = dict(zip(uids, (yard.target, yard.peer), strict=True))
    for place in places.values():
        folder = tmp_path / str(place.pid) / "root" / "etc"
        folder.mkdir(parents=True)
        (folder / "resolv.conf").write_text(TOLD)
    return Stage(
        breakable,
        yard,
        NodeHands(PaperSandboxes(places), Workers(node_of(yard)), processes=tmp_path),
    )


@pytest.mark.parametrize(
    ("scenario", "parameters"),
    [
        pytest.param("dns-failure", {}, id="no answer"),
        pytest.param("dns-failure", {"rcode": "nxdomain"}, id="no name"),
        pytest.param("dns-failure", {"rcode": "servfail", "name": "orders-db"}, id="one name"),
        pytest.param("network-cut", {}, id="no packet"),
    ],
)
async def test_a_lookup_that_fails_is_the_effect_and_one_that_does_not_the_end(
    stage: Stage, scenario: str, parameters: dict[str, str]
) -> None:
    with naming(stage.yard.bystander):
        async with stage.running():
            run = await stage.effective(await stage.asked(scenario, **parameters))
            since = [each.bites_at for each in run.steps if each.bites_at is not None]
            assert run.effective_since == min(since)
            ended = await stage.over(run)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    for each in ended.steps:
        assert (each.undone, each.proof) == (Undone.REVERTED, Proof.LOOKUPS)
        assert each.ended_at is not None
        assert each.well_at is not None
        assert each.well_at >= each.ended_at
        if "rcode" in parameters:
            assert each.realised["changed"] > 0


async def test_a_run_whose_pods_are_not_answered_again_is_not_verified(
    breakable: Breakable, yard: Yard, tmp_path: Path
) -> None:
    stage = await staged(breakable, yard, tmp_path)

    def reached(phase: Phase) -> Callable[[], Awaitable[bool]]:
        async def there() -> bool:
            return (await breakable.found(run.run_id)).phase is phase

        return there

    async with stage.running():
        with naming(yard.bystander):
            run = await stage.effective(await stage.asked("dns-failure"))
        now = SystemClock().now()
        await abort_run(breakable.api, run.run_id, "alice", now, namespace=breakable.own)
        await until(reached(Phase.VERIFYING), 20)
        journal = Journal(breakable.api, breakable.own)
        entry = await journal.find(run.run_id)
        assert entry is not None
        await journal.write(entry, entry.run.model_copy(update={"recovery_seconds": 0.1}))
        await until(reached(Phase.TEARDOWN_FAILED), 20)
        found = await breakable.found(run.run_id)
    assert [each.undone for each in found.steps] == [Undone.REVERTED, Undone.REVERTED]
    assert [each.well_at for each in found.steps] == [None, None]
    assert "no lookup was answered" in found.problem
