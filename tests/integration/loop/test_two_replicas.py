"""Two replicas of each service, the active one killed in turn while an incident goes through."""

import pytest

from ooda.common.topology import Service
from servers.loop import Loop
from servers.story import Story

IN_TURN = [
    (Service.OBSERVER, "anomaly.flagged"),
    (Service.ORIENTER, "diagnosis.started"),
    (Service.DECIDER, "decision.made"),
    (Service.RECORDER, "action.recorded"),
    (Service.ACTOR, "PATCH deployments/web !dryRun"),
]
"""The active replica is killed just after it sent this; nobody starts it again."""

TAKE_OVERS = 150.0
"""Seconds. A standby waits until a Lease of 15 s has run out, and one kill comes after another."""

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]


async def test_each_leader_in_turn_is_followed_by_its_standby(story: Story, services: Loop) -> None:
    async with services.doubled():
        kills = [services.kill_at(service, what, "after") for service, what in IN_TURN]
        await story.break_it()
        await story.said("incident.closed", TAKE_OVERS)
        assert all(kill.done.is_set() for kill in kills)
        assert all(process.ended() for process in services.processes.values())
        await story.check()


async def test_a_standby_does_nothing_while_there_is_a_leader(story: Story, services: Loop) -> None:
    async with services.doubled():
        await story.break_it()
        await story.check()
        assert not any(process.ended() for process in services.processes.values())
