"""Killed before or after any write of a run, the reaper gives the cluster back: no orphans."""

import pytest

from factories.long_tables import sampled
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
IN_PLACE = {
    2: "resize Pod",
    3: "replace FaultRun",  # the first one done
    4: "resize Pod",
    5: "replace FaultRun",
    8: "resize Pod",  # back
    9: "replace FaultRun",
    10: "resize Pod",
    11: "replace FaultRun",
}
"""What is other where both pods of the target are changed while they run."""
ROWS = [("image-pull-failure", at, what) for at, what in enumerate(EFFECTS)] + [
    ("cpu-throttle", at, what) for at, what in IN_PLACE.items()
]

KINDS = [(scenario, what) for scenario, _, what in ROWS]
TABLE = sampled(
    [(*row, after) for row in ROWS for after in (False, True)],
    # Each kind of write once: it was done, and whoever did it did not live to know.
    always=lambda row: row[3] and row[2] not in {what for _, what in KINDS[: ROWS.index(row[:3])]},
    name=lambda row: f"{row[0]} {row[1]} {row[2]}-{'after' if row[3] else 'before'}",
)


@pytest.mark.parametrize(("scenario", "at", "what", "after"), TABLE)
async def test_killed_there_the_reaper_gives_it_back(
    kept: Breakable, scenario: str, at: int, what: str, *, after: bool
) -> None:
    await until(kept.healthy, 30)
    before, limits = await kept.contents(), await cpu_limits(kept)
    run = await kept.admitted(scenario, duration_seconds=0.5)
    mortal = Mortal(kept.api, at, after=after)
    async with driving(mortal, kept.own, INJECTOR):
        await until(lambda: mortal.dead, 20)
    assert mortal.last == what
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
