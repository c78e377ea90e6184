"""Killed at any transition of an incident, the loop loses nothing and does nothing twice.

Each row kills one service with SIGKILL at one exact request: just before it is passed on, or just
after the answer was there and before the service sees it. Then the service is started again, what
was not acknowledged is delivered again, and the incident has to end as if nothing had happened.
"""

import asyncio

import pytest

from factories.long_tables import sampled
from ooda.common.topology import Service
from servers.loop import Loop
from servers.story import Story
from servers.wire import Moment

OBSERVER, ORIENTER, DECIDER = Service.OBSERVER, Service.ORIENTER, Service.DECIDER
ACTOR, RECORDER = Service.ACTOR, Service.RECORDER

AROUND: tuple[Moment, Moment] = ("before", "after")

EFFECTS: list[tuple[Service, str, int]] = [
    (OBSERVER, "$KV.baselines", 1),
    (OBSERVER, "anomaly.flagged", 1),
    (OBSERVER, "anomaly.cleared", 1),
    (ORIENTER, "$KV.incidents", 1),
    (ORIENTER, "diagnosis.started", 1),
    (ORIENTER, "$KV.incidents", 2),
    (ORIENTER, "diagnosis.ready", 1),
    (ORIENTER, "$JS.ACK.LOOP.orienter", 1),
    (DECIDER, "$KV.decisions", 1),
    (DECIDER, "decision.made", 1),
    (DECIDER, "incident.closed", 1),
    (ACTOR, "$KV.actions", 1),
    (ACTOR, "action.started", 1),
    (ACTOR, "$KV.actions", 2),
    (ACTOR, "$KV.actions", 3),
    (ACTOR, "PATCH deployments/web !dryRun", 1),
    (ACTOR, "$KV.actions", 4),
    (ACTOR, "action.applied", 1),
    (ACTOR, "$KV.actions", 5),
    (ACTOR, "action.executed", 1),
    (RECORDER, "action.recorded", 1),
    (RECORDER, "$JS.ACK.LOOP.recorder", 1),
]
"""What a service sends while one incident goes through it, in order, and which time."""

ALWAYS: set[tuple[Service, str, int, Moment]] = {
    (OBSERVER, "anomaly.flagged", 1, "after"),
    (ORIENTER, "$KV.incidents", 1, "after"),
    (DECIDER, "decision.made", 1, "before"),
    (ACTOR, "$KV.actions", 2, "after"),
    (ACTOR, "PATCH deployments/web !dryRun", 1, "after"),
    (RECORDER, "$JS.ACK.LOOP.recorder", 1, "before"),
}
"""Each service once, and each kind of request."""

TABLE = sampled(
    [(*effect, moment) for effect in EFFECTS for moment in AROUND],
    always=lambda row: row in ALWAYS,
    name=lambda row: f"{row[0]}, {row[3]} {row[1]} #{row[2]}",
)

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(150)]


async def test_without_a_kill_the_incident_is_healed_and_recorded(story: Story) -> None:
    await story.break_it()
    await story.check()


@pytest.mark.parametrize(("service", "what", "nth", "moment"), TABLE)
async def test_killed_there_nothing_is_lost_and_nothing_is_done_twice(
    story: Story, services: Loop, service: Service, what: str, nth: int, moment: Moment
) -> None:
    kill = services.kill_at(service, what, moment, nth)
    await story.break_it()
    async with asyncio.timeout(60):
        await kill.done.wait()
    services.processes[service].start()
    await story.check()
