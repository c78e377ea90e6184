"""A run is proven, and verified, by lookups and connections from within pods' networks.

The API server and the kernel are real, the pods are on paper. Who is asked is a place of the yard,
and so is what a NetworkPolicy does: its wire is cut while there is one.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
from servers.breakable import CLIENT, TARGET, Breakable
from servers.driving import driving
from servers.names import naming
from servers.node_agents import on_node
from servers.paper_kubelet import NODE
from servers.paper_network import enforcing, serving, shut_out
from servers.sandboxes import BYSTANDER, PaperSandboxes, Place, Yard
from servers.standing_fault import node_of
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

TOLD = f"search shop.svc.cluster.local svc.cluster.local\nnameserver {BYSTANDER}\n"


@dataclass
class Stage:
    """The target and a client with two pods each, in two places; the bystander is asked."""

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

    def open(self) -> AbstractAsyncContextManager[None]:
        """Serve as the target."""
        return serving(self.breakable, self.yard, TARGET, 80)

    async def effective(self, run: FaultRun) -> FaultRun:
        async def seen() -> bool:
            return EFFECTIVE in (await self.breakable.found(run.run_id)).times

        await until(seen, 20)
        return await self.breakable.found(run.run_id)

    async def reached(self, run: FaultRun, phase: Phase) -> FaultRun:
        async def there() -> bool:
            return (await self.breakable.found(run.run_id)).phase is phase

        await until(there, 40)
        return await self.breakable.found(run.run_id)

    async def abort(self, run: FaultRun) -> None:
        now = SystemClock().now()
        own = self.breakable.own
        await abort_run(self.breakable.api, run.run_id, "alice", now, namespace=own)

    async def over(self, run: FaultRun) -> FaultRun:
        await self.abort(run)
        return await self.reached(run, Phase.ENDED)

    async def failed(self, run: FaultRun) -> FaultRun:
        """Abort it, and leave it no time once it is being verified."""
        await self.abort(run)
        await self.reached(run, Phase.VERIFYING)
        journal = Journal(self.breakable.api, self.breakable.own)
        entry = await journal.find(run.run_id)
        assert entry is not None
        await journal.write(entry, entry.run.model_copy(update={"recovery_seconds": 0.1}))
        return await self.reached(run, Phase.TEARDOWN_FAILED)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(kept: Breakable, yard: Yard, tmp_path: Path) -> Stage:
    return await staged(kept, yard, tmp_path)


async def staged(breakable: Breakable, yard: Yard, tmp_path: Path) -> Stage:
    await until(breakable.healthy, 30)
    places: dict[str, Place] = {}
    for app in (TARGET, CLIENT):
        pods = await breakable.api.list(Kind.POD, breakable.namespace, labels={"app": app})
        uids = sorted(each["metadata"]["uid"] for each in pods)
        places |= zip(uids, (yard.target, yard.peer), strict=True)
    for place in (yard.target, yard.peer):
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
            assert run.probe_period_ms == 100
            assert run.effective_since == min(since)
            ended = await stage.over(run)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    for each in ended.steps:
        assert (each.undone, each.proof) == (Undone.REVERTED, Proof.LOOKUPS)
        assert each.ended_at is not None
        assert each.well_at is not None
        assert each.well_at >= each.ended_at
    if "rcode" in parameters:  # it is over as soon as one of them was seen to be hit
        assert sum(each.realised["changed"] for each in ended.steps) > 0


async def test_a_run_whose_pods_are_not_answered_again_is_not_verified(
    breakable: Breakable, yard: Yard, tmp_path: Path
) -> None:
    stage = await staged(breakable, yard, tmp_path)
    async with stage.running():
        with naming(yard.bystander):
            run = await stage.effective(await stage.asked("dns-failure"))
        found = await stage.failed(run)
    assert [each.undone for each in found.steps] == [Undone.REVERTED, Undone.REVERTED]
    assert [each.well_at for each in found.steps] == [None, None]
    assert "nothing that was asked" in found.problem


DATABASE = "orders-db"
"""The Service of a dependency."""


async def test_with_one_peer_connections_to_it_are_the_effect_and_the_end(stage: Stage) -> None:
    async with serving(stage.breakable, stage.yard, DATABASE, 5432), stage.running():
        run = await stage.effective(await stage.asked("dependency-timeout", dependency=DATABASE))
        assert all(each.armed_at is not None for each in run.steps)
        ended = await stage.over(run)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    for each in ended.steps:
        assert (each.undone, each.proof) == (Undone.REVERTED, Proof.CONNECTIONS)
        assert each.ended_at is not None
        assert each.well_at is not None
        assert each.well_at >= each.ended_at


async def test_a_run_whose_peer_does_not_answer_again_is_not_verified(
    breakable: Breakable, yard: Yard, tmp_path: Path
) -> None:
    stage = await staged(breakable, yard, tmp_path)
    async with serving(stage.breakable, stage.yard, DATABASE, 5432), stage.running():
        run = await stage.effective(await stage.asked("dependency-timeout", dependency=DATABASE))
        with yard.without(yard.bystander):
            found = await stage.failed(run)
    assert [each.undone for each in found.steps] == [Undone.REVERTED, Undone.REVERTED]
    assert [each.well_at for each in found.steps] == [None, None]
    assert "nothing that was asked" in found.problem


async def test_a_client_that_is_shut_out_sees_that_and_that_it_is_let_in_again(
    stage: Stage,
) -> None:
    async with stage.open(), stage.running(), enforcing(stage.breakable, stage.yard):
        run = await stage.effective(await stage.asked("network-partition", client=CLIENT))
        mutated = run.times["mutated"]
        *asking, _ = run.steps
        assert all(each.armed_at is not None and each.armed_at <= mutated for each in asking)
        assert run.probe_period_ms == 100
        assert run.effective_since is not None
        assert run.effective_since >= mutated
        ended = await stage.over(run)
    assert (ended.ending, ended.problem) == (Ending.ABORTED, "")
    *asked, made = ended.steps
    assert made.undone is Undone.REVERTED
    assert [each.step.object.namespace for each in asked] == [stage.breakable.namespace] * 2
    for each in asked:
        assert (each.undone, each.proof) == (Undone.NOTHING, Proof.CONNECTIONS)
        assert each.ended_at is not None
        assert each.well_at is not None
        assert each.well_at >= each.ended_at


async def test_a_client_that_is_not_let_in_again_is_a_teardown_that_failed(
    breakable: Breakable, yard: Yard, tmp_path: Path
) -> None:
    stage = await staged(breakable, yard, tmp_path)
    async with stage.open(), stage.running(), enforcing(stage.breakable, stage.yard, lifts=False):
        run = await stage.effective(await stage.asked("network-partition", client=CLIENT))
        found = await stage.failed(run)
    assert not await shut_out(stage.breakable)
    assert [each.well_at for each in found.steps] == [None, None, None]
    assert "nothing that was asked" in found.problem


async def test_a_client_that_does_not_get_in_anyway_is_not_shut_out(stage: Stage) -> None:
    async with stage.running():
        run = await stage.reached(
            await stage.asked("network-partition", client=CLIENT), Phase.ENDED
        )
    assert (run.ending, run.touched) == (Ending.CONFLICT, False)
    assert "was answered before" in run.problem
