"""Killed after a write of a run, the reaper gives the cluster back: no orphans."""

import pytest

from fakes.mortal import Mortal
from ooda.common.cluster.kinds import Kind
from ooda.common.fault_runs import Ending, Phase
from ooda.injector.core.machine import INJECTOR
from servers.breakable import TARGET, Breakable
from servers.driving import AT_ONCE, driving
from servers.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

TABLE = (
    ("image-pull-failure", 0, "create Lease"),
    ("image-pull-failure", 1, "replace FaultRun"),  # armed
    ("image-pull-failure", 2, "patch Deployment"),
    ("cpu-throttle", 2, "resize Pod"),
    ("image-pull-failure", 12, "delete Lease"),
)
"""Each kind of write once: it was done, and whoever did it did not live to know.

Every other one, and those of every other scenario, are tried by ``make kill-matrix``.
"""


@pytest.mark.parametrize(("scenario", "at", "what"), TABLE)
async def test_killed_there_the_reaper_gives_it_back(
    kept: Breakable, scenario: str, at: int, what: str
) -> None:
    await until(kept.healthy, 30)
    before, limits = await kept.contents(), await cpu_limits(kept)
    run = await kept.admitted(scenario, duration_seconds=0.5)
    mortal = Mortal(kept.api, at, after=True)
    async with driving(mortal, kept.own, INJECTOR):
        await until(lambda: mortal.dead, 20)
    assert mortal.last == what
    armed = (await kept.found(run.run_id)).expires_at is not None
    if not armed:  # it is abandoned after half a minute; here a person is quicker
        await kept.abort(run)
    async with driving(kept.api, kept.own, AT_ONCE):
        ended = await kept.reached(run, Phase.ENDED)
    # Nobody has looked for its effect until its time was over.
    assert ended.ending is (Ending.NO_EFFECT if armed else Ending.ABORTED)
    assert await kept.contents() == before
    assert await cpu_limits(kept) == limits == {"500m"}
    assert await kept.leases() == []
    assert await kept.there(Kind.DEPLOYMENT, TARGET)


async def cpu_limits(kept: Breakable) -> set[str]:
    listed = await kept.api.list(Kind.POD, kept.namespace, labels={"app": TARGET})
    staying = [each for each in listed if not each["metadata"].get("deletionTimestamp")]
    return {each["spec"]["containers"][0]["resources"]["limits"]["cpu"] for each in staying}
