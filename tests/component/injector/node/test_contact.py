"""From within a pod's network it is seen whether a peer answers, with nothing changed there."""

import asyncio
import contextlib
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ooda.common.node_means import Proof
from ooda.injector.node.orders import (
    NOTHING_COUNTED,
    Bites,
    ContactOrder,
    End,
    Refusal,
    SandboxProcess,
)
from ooda.injector.node.refusing import RefusedError
from ooda.injector.node.running import run
from ooda.injector.node.workers import Workers
from servers.closing import closing
from servers.sandboxes import PEER, Yard
from servers.standing_fault import node_of, standing
from servers.waiting import until

SERVED_PORT = 8080
SERVED = {"address": PEER, "port": SERVED_PORT}
SOON = timedelta(milliseconds=500)


def order(
    yard: Yard, *, seconds: float = 30, answered: bool = False, **stated: Any
) -> ContactOrder:
    return ContactOrder.model_validate(
        {
            "order_id": "an-order",
            "sandbox": SandboxProcess(pid=yard.target.pid),
            "until": datetime.now(UTC) + timedelta(seconds=seconds),
            "asks": [SERVED],
            "answered": answered,
            **stated,
        }
    )


async def seen(news: "asyncio.Queue[Bites]") -> Bites:
    async with asyncio.timeout(10):
        return await news.get()


async def test_it_tells_since_when_nobody_answers_and_when_somebody_does_again(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with closing(yard.peer, SERVED_PORT):
        async with standing(yard, order(yard), news) as stands:
            whole = datetime.now(UTC)
            with yard.without(yard.peer):
                cut = datetime.now(UTC)
                bites = await seen(news)
                assert max(stands.armed.at, whole - SOON) <= bites.at <= cut + timedelta(seconds=1)
                stands.stop.set()
                await asyncio.wait([stands.task], timeout=0.5)
                assert not stands.task.done()
                healed = datetime.now(UTC)
            result = await stands.task
    assert (result.end, result.proof) == (End.STOPPED, Proof.CONNECTIONS)
    assert result.counters == NOTHING_COUNTED
    assert result.well_at is not None
    assert bites.at < result.ended_at < result.well_at
    assert healed <= result.well_at
    assert news.empty()


async def test_it_ends_by_its_own_clock(yard: Yard) -> None:
    with closing(yard.peer, SERVED_PORT):
        asked = order(yard, seconds=1.5)
        async with standing(yard, asked) as stands:
            result = await stands.task
    assert (result.end, result.well_at is not None) == (End.EXPIRED, True)
    assert timedelta(0) <= result.ended_at - asked.until < timedelta(seconds=1)


async def test_whom_nobody_answers_before_does_not_begin(yard: Yard) -> None:
    with yard.without(yard.peer), pytest.raises(RefusedError) as refused:
        await run(order(yard), Workers(node_of(yard)))
    assert refused.value.code is Refusal.UNANSWERED
    assert refused.value.sentence == f"no connection to {PEER} port 8080 was answered before"


async def test_begun_again_it_goes_on_though_nobody_answers(yard: Yard) -> None:
    news: asyncio.Queue[Bites] = asyncio.Queue()
    with contextlib.ExitStack() as held, closing(yard.peer, SERVED_PORT):
        held.enter_context(yard.without(yard.peer))
        async with standing(yard, order(yard, answered=True), news) as stands:
            await seen(news)
            held.close()
            result = await stands.ended()
    assert result.well_at is not None


@pytest.mark.usefixtures("yard")  # which is skipped where no yard can be made
async def test_it_ends_with_the_sandbox() -> None:
    with Yard.made() as other, closing(other.peer, SERVED_PORT):
        async with standing(other, order(other)) as stands:
            os.kill(other.target.pid, signal.SIGKILL)
            result = await stands.task
    assert (result.end, result.well_at) == (End.SANDBOX_GONE, None)


async def test_it_does_not_outlive_whoever_ordered_it(yard: Yard) -> None:
    """Though nobody answers, for which it would wait."""
    program = (
        "import asyncio, sys, pathlib;"
        "from ooda.injector.node.orders import ContactOrder;"
        "from ooda.injector.node.running import run;"
        "from ooda.injector.node.workers import Workers;"
        "asyncio.run(run(ContactOrder.model_validate_json(sys.argv[1]),"
        " Workers(pathlib.Path(sys.argv[2])), armed=lambda armed: print(armed.worker, flush=True)))"
    )
    told = order(yard, answered=True).model_dump_json()
    with yard.without(yard.peer):
        ordering = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, told, str(node_of(yard)), stdout=asyncio.subprocess.PIPE
        )
        assert ordering.stdout is not None
        worker = int(await ordering.stdout.readline())
        assert _runs(worker)
        ordering.kill()
        await ordering.wait()
        await until(lambda: not _runs(worker), 3)


def _runs(process: int) -> bool:
    """Say whether a process is there, and no zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
