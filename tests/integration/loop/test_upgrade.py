"""A newer release comes in the middle of an incident: its schema, its consumers, its processes."""

import asyncio
import dataclasses

import pytest
from alembic import command

from ooda.common import topology
from ooda.common.topology import LOOP_SERVICES, Service
from ooda.recorder.migrate import alembic_config, migrate
from servers.loop import Loop
from servers.loop_bus import LoopBus
from servers.story import Story
from servers.trail import Database

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(150)]


async def test_an_upgrade_in_the_middle_of_an_incident_loses_nothing(
    story: Story,
    services: Loop,
    bus: LoopBus,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = [dataclasses.replace(c, ack_wait=20.0, max_ack_pending=10) for c in topology.CONSUMERS]
    with monkeypatch.context() as before:
        before.setattr(topology, "CONSUMERS", tuple(older))
        await bus.declare()
    await asyncio.to_thread(command.downgrade, alembic_config(database.url()), "0001")
    await story.break_it()
    await story.said("diagnosis.started")

    await asyncio.to_thread(migrate, database.migration())
    await bus.declare()
    for service in LOOP_SERVICES:
        await asyncio.to_thread(services.processes[service].stop)
        services.processes[service].start()

    await story.check()
    async with bus.client(Service.BOOTSTRAP) as (client, _):
        for each in topology.CONSUMERS:
            if each.stream is topology.LOOP:
                found = await client.jetstream().consumer_info("LOOP", each.durable)
                assert found.config.ack_wait == each.ack_wait
                assert found.config.max_ack_pending == each.max_ack_pending
