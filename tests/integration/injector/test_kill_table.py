"""Killed before or after any write of a run, the reaper gives the cluster back: no orphans."""

import pytest

from fakes.mortal import Mortal
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Ending, Phase
from ooda.injector.core.machine import INJECTOR, Role
from servers.breakable import TARGET, Breakable
from servers.driving import driving
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

AT_ONCE = Role(begins=False, grace=0.1)
EFFECTS = (
    "create Lease",
    "replace FaultRun",  # armed
    "patch Deployment",
    "replace FaultRun",  # done
    "replace FaultRun",  # active
    "replace FaultRun",  # reverting
    "patch Deployment",
    "replace FaultRun",  # undone
    "replace FaultRun",  # holding
    "replace FaultRun",  # the target is as before
    "replace FaultRun",  # verifying
    "replace FaultRun",  # releasing
    "delete Lease",
    "replace FaultRun",  # ended
)
"""What an injector writes for one run, in order, once it is written down."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(len(EFFECTS)), ids=lambda at: f"{at} {EFFECTS[at]}")
async def test_killed_there_the_reaper_gives_it_back(
    kept: Breakable, at: int, *, after: bool
) -> None:
    await until(kept.healthy, 30)
    before = await kept.contents()
    run = await kept.admitted(duration_seconds=0.5)
    mortal = Mortal(kept.api, at, after=after)
    async with driving(mortal, kept.own, INJECTOR):
        await until(lambda: mortal.dead, 20)
    assert mortal.last == EFFECTS[at]
    armed = (await kept.found(run.run_id)).expires_at is not None
    if not armed:  # it is abandoned after half a minute; here a person is quicker
        await kept.api.patch(
            Kind.FAULT_RUN,
            kept.own,
            run.run_id,
            [
                {
                    "op": "add",
                    "path": "/abort",
                    "value": {"by": "alice", "at": "2026-01-01T00:00:00Z"},
                }
            ],
        )

    async def over() -> bool:
        return (await kept.found(run.run_id)).phase is Phase.ENDED

    async with driving(kept.api, kept.own, AT_ONCE):
        await until(over, 30)
    ended = await kept.found(run.run_id)
    assert ended.ending is (Ending.EXPIRED if armed else Ending.ABORTED)
    assert await kept.contents() == before
    assert await kept.leases() == []
    assert await kept.there(Kind.DEPLOYMENT, TARGET)
