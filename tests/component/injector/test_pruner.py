"""Old runs go from the journal, once, and what cannot be read stays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from factories.evaluated_runs import after, fault_run
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Phase
from ooda.common.testing.bus import FixedClock
from ooda.common.testing.cluster import FakeCluster
from ooda.injector.journal import Journal
from ooda.injector.pruner import Pruner
from servers.waiting import until

OWN = "ooda-system"


@pytest.fixture
async def api() -> AsyncIterator[FakeCluster]:
    made = FakeCluster()
    task = asyncio.create_task(Pruner(made, OWN, FixedClock(after(9999)), keep=2).run())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def begin(api: FakeCluster, name: str, seconds: float, phase: Phase = Phase.ENDED) -> None:
    times = {**fault_run().times, "ended": after(seconds)}
    told = ("fault.armed", "fault.cleared")
    await Journal(api, OWN).begin(fault_run(run_id=name, times=times, told=told, phase=phase))


async def names(api: FakeCluster) -> list[str]:
    return sorted(each["metadata"]["name"] for each in await api.list(Kind.FAULT_RUN, OWN))


async def test_the_oldest_go(api: FakeCluster) -> None:
    api.put(Kind.FAULT_RUN, {"metadata": {"name": "x", "namespace": OWN}, "spec": {}})
    await begin(api, "failed", 0, Phase.TEARDOWN_FAILED)
    for number in range(4):
        await begin(api, f"r{number}", number)

    async def gone() -> bool:
        return await names(api) == ["failed", "r2", "r3", "x"]

    await until(gone)
    assert sum(each.startswith("delete") for each in api.writes) == 2
