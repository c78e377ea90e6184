"""What only the cluster in memory can be told to do, as the real one does it by itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ooda.common.cluster.interface import Alive, Delta, Synced, WatchEvent
from ooda.common.cluster.kinds import Kind
from ooda.common.testing.cluster import FakeCluster

POD = {"metadata": {"name": "web", "namespace": "default"}}


async def soon(watch: AsyncIterator[WatchEvent]) -> WatchEvent:
    return await asyncio.wait_for(anext(watch), 5)


async def nothing_more(event: "asyncio.Task[WatchEvent]") -> bool:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)
    return not event.done()


async def test_a_watch_tells_nothing_while_the_server_is_away_and_then_what_was_missed() -> None:
    cluster = FakeCluster()
    watch = cluster.watch(Kind.POD)
    assert [await soon(watch), await soon(watch)] == [Synced(Kind.POD), Alive(Kind.POD)]
    cluster.set_unavailable(True)
    cluster.put(Kind.POD, POD)
    waiting = asyncio.ensure_future(soon(watch))
    assert await nothing_more(waiting)
    cluster.set_unavailable(False)
    missed = await waiting
    assert isinstance(missed, Delta)
    assert missed.object["metadata"]["name"] == "web"
    assert await soon(watch) == Alive(Kind.POD)


async def test_a_watch_that_begins_while_the_server_is_away_waits_for_it() -> None:
    cluster = FakeCluster()
    cluster.set_unavailable(True)
    waiting = asyncio.ensure_future(soon(cluster.watch(Kind.POD)))
    assert await nothing_more(waiting)
    cluster.put(Kind.POD, POD)
    cluster.set_unavailable(False)
    assert isinstance(await waiting, Delta)


@pytest.mark.parametrize(
    ("tail_lines", "limit_bytes", "text"),
    [
        pytest.param(100, 1000, "éé\nnew\n", id="all"),
        pytest.param(1, 1000, "new\n", id="last-line"),
        pytest.param(100, 4, "new\n", id="last-bytes"),
        pytest.param(100, 7, "é\nnew\n", id="whole-characters"),
        pytest.param(100, 6, "\nnew\n", id="no-half-character"),
    ],
)
async def test_a_log_is_cut_to_its_newest_bytes(
    tail_lines: int, limit_bytes: int, text: str
) -> None:
    cluster = FakeCluster()
    cluster.put(Kind.POD, POD)
    cluster.set_logs("default", "web", "app", "éé\nnew\n")
    found = await cluster.logs(
        "default", "web", "app", tail_lines=tail_lines, limit_bytes=limit_bytes
    )
    assert found == text
