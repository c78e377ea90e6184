"""Servers go away in the middle of an incident: nothing late is applied, and everything resumes."""

import asyncio
import datetime as dt

import pytest

from ooda.common.clock import SystemClock
from ooda.common.topology import Service
from servers.control_plane import ControlPlane
from servers.loop import Loop
from servers.loop_bus import LoopBus
from servers.postgres import Postgres
from servers.story import Story

AWAY = 60.0
"""Seconds; longer than a decision is valid."""

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]


async def test_what_comes_again_late_and_in_another_order_changes_nothing(
    story: Story, bus: LoopBus
) -> None:
    await story.break_it()
    await story.check()
    told = [(each["subject"], each["_payload"]) for each in story.heard]
    known = {each["event_id"] for each in story.heard}
    async with bus.client(Service.BOOTSTRAP) as (client, _):
        jetstream = client.jetstream()
        for subject, payload in [*reversed(told), *told]:
            await jetstream.publish(subject, payload)
    await story.quiet()
    new = [each["summary"] for each in story.heard if each["event_id"] not in known]
    assert new == []
    assert (await story.deployment())["metadata"]["generation"] == 3


async def test_a_decision_that_comes_late_is_not_carried_out_but_made_anew(
    story: Story, services: Loop
) -> None:
    actor = services.processes[Service.ACTOR]
    await asyncio.to_thread(actor.kill)
    await story.break_it()
    decision = await story.said("decision.made")
    late = dt.datetime.fromisoformat(decision["valid_until"]) - SystemClock().now()
    await asyncio.sleep(late.total_seconds() + 1)
    actor.start()
    ended = await story.said("action.executed")
    assert ended["outcome"] == "expired"
    assert not ended["wrote"]
    closed = await story.said("incident.closed", 90)
    assert closed["closure"] == "resolved"
    assert (await story.deployment())["metadata"]["generation"] == 3


@pytest.mark.faults
async def test_nats_is_away_for_a_minute(story: Story, bus: LoopBus) -> None:
    await asyncio.to_thread(bus.kill)
    await story.break_it()
    await asyncio.sleep(AWAY)
    await asyncio.to_thread(bus.start)
    closed = await story.said("incident.closed", 120)
    assert closed["closure"] == "resolved"
    assert (await story.deployment())["metadata"]["generation"] == 3


@pytest.mark.faults
async def test_without_the_audit_nothing_is_written_for_a_minute_and_then_it_resumes(
    story: Story, own_postgres: Postgres
) -> None:
    await asyncio.to_thread(own_postgres.stop)
    try:
        await story.break_it()
        await story.said("action.started")
        await asyncio.sleep(AWAY)
        assert (await story.deployment())["metadata"]["generation"] == 2
        assert not any(each["subject"] == "action.applied" for each in story.heard)
    finally:
        await asyncio.to_thread(own_postgres.start)
    closed = await story.said("incident.closed", 120)
    assert closed["closure"] == "resolved"
    assert (await story.deployment())["metadata"]["generation"] == 3


async def test_the_api_server_restarts_in_the_middle(
    story: Story, services: Loop, plane: ControlPlane
) -> None:
    await story.break_it()
    await story.said("diagnosis.started")
    # Who cannot renew its Lease ends, and is started again.
    async with services.restarted():
        await asyncio.to_thread(plane.stop_api_server)
        await asyncio.sleep(5)
        await asyncio.to_thread(plane.start_api_server)
        closed = await story.said("incident.closed", 120)
    assert closed["closure"] == "resolved"
    assert (await story.deployment())["metadata"]["generation"] == 3
