"""The recorder between a real NATS server and a real Postgres."""

import asyncio
import dataclasses
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from factories.events import make
from ooda.common import topology
from ooda.common.audit.schema import events
from ooda.common.audit.verification import verify
from ooda.common.bus.bootstrap import consumer_config
from ooda.common.bus.nats_bus import NatsBus
from ooda.common.clock import SystemClock
from ooda.common.events import (
    ActionRecorded,
    ActionStarted,
    AnomalyFlagged,
    FaultArmed,
)
from ooda.common.topology import Account, Service
from ooda.recorder.app import BATCH_SIZE, MAX_WAIT
from ooda.recorder.handlers import Recorder
from ooda.recorder.meters import Meters
from ooda.recorder.store import Store, recorder_engine
from servers.loop_bus import LoopBus, loop_bus
from servers.trail import Database
from servers.waiting import until

if TYPE_CHECKING:
    from ooda.common.bus.interface import Delivery

DYING_RECORDER = Path(__file__).parents[2] / "fakes/dying_recorder.py"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LoopBus]:
    async with loop_bus(tmp_path) as running:
        yield running


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = recorder_engine(database.url("recorder"))
    yield engine
    await engine.dispose()


def recording(
    store: Store, consumer: topology.Consumer = topology.RECORDER
) -> Callable[[NatsBus], None]:
    def register(bus: NatsBus) -> None:
        handler = Recorder(store, bus, SystemClock(), Meters(CollectorRegistry())).of(
            consumer.stream.account
        )
        bus.consume_batches(consumer, handler, batch_size=BATCH_SIZE, max_wait=MAX_WAIT)

    return register


async def _rows(engine: AsyncEngine, subject: str) -> list[str]:
    statement = sa.select(events.c.event_id).where(events.c.subject == subject)
    async with engine.connect() as connection:
        found = await connection.execute(statement.order_by(events.c.position))
        return list(found.scalars())


def flagged(number: int) -> AnomalyFlagged:
    return make(AnomalyFlagged, event_id=f"flag {number}")


async def test_an_intent_is_recorded_and_confirmed_with_the_hash_of_its_row(
    server: LoopBus, engine: AsyncEngine
) -> None:
    confirmed: asyncio.Queue[Delivery] = asyncio.Queue()
    intent = make(ActionStarted)

    def listen(bus: NatsBus) -> None:
        bus.consume(topology.ACTOR, confirmed.put)

    async with (
        server.running(Service.RECORDER, register=recording(Store(engine))),
        server.running(Service.ACTOR, register=listen) as actor,
    ):
        await actor.publish(intent)
        async with asyncio.timeout(15):
            confirmation = (await confirmed.get()).event
        # The confirmation itself is an event: it is recorded too.
        await until(lambda: _has(engine, "action.recorded", 1))
    assert isinstance(confirmation, ActionRecorded)
    assert confirmation.intent_id == intent.event_id
    statement = sa.select(events.c.row_hash).where(events.c.event_id == intent.event_id)
    async with engine.connect() as connection:
        row_hash = (await connection.execute(statement)).scalar_one()
    assert confirmation.row_hash == row_hash.hex()
    assert (await verify(engine)).broken is None


async def _has(engine: AsyncEngine, subject: str, number: int) -> bool:
    return len(await _rows(engine, subject)) >= number


async def test_ground_truth_is_recorded_from_its_own_account(
    server: LoopBus, engine: AsyncEngine
) -> None:
    register = recording(Store(engine), topology.RECORDER_FAULTS)
    async with (
        server.running(Service.RECORDER, Account.FAULTS, register=register),
        server.running(Service.INJECTOR, Account.FAULTS) as injector,
    ):
        await injector.publish(make(FaultArmed))
        await until(lambda: _has(engine, "fault.armed", 1))
    async with engine.connect() as connection:
        found = await connection.execute(sa.select(events.c.account, events.c.stream))
        assert [tuple(each) for each in found] == [("FAULTS", "FAULTS")]


async def test_postgres_restarts_in_the_middle_and_no_event_is_missing(
    server: LoopBus, engine: AsyncEngine, database: Database
) -> None:
    async with (
        server.running(Service.RECORDER, register=recording(Store(engine))),
        server.running(Service.OBSERVER) as observer,
    ):
        for number in range(5):
            await observer.publish(flagged(number))
        await until(lambda: _has(engine, "anomaly.flagged", 5))
        database.server.stop()
        try:
            for number in range(5, 10):
                await observer.publish(flagged(number))
        finally:
            database.server.start()
        await until(lambda: _has(engine, "anomaly.flagged", 10), seconds=30)
    assert await _rows(engine, "anomaly.flagged") == [f"flag {each}" for each in range(10)]
    assert await _rows(engine, "dead.letter") == []
    assert (await verify(engine)).broken is None


async def test_killed_between_commit_and_acknowledgement_it_records_once_and_confirms(
    server: LoopBus, engine: AsyncEngine, database: Database
) -> None:
    await _redeliver_after(server, seconds=1)
    url = database.url("recorder").render_as_string(hide_password=False)
    password = server.passwords["RECORDER_PASSWORD"]
    told = {"NATS_URL": server.url, "NATS_PASSWORD": password, "POSTGRES_URL": url}
    dying = await asyncio.create_subprocess_exec(
        sys.executable, DYING_RECORDER, env=os.environ | told, stdout=asyncio.subprocess.PIPE
    )
    assert dying.stdout is not None
    async with server.running(Service.ACTOR) as actor, asyncio.timeout(20):
        await actor.publish(make(ActionStarted))
        assert (await dying.stdout.readline()).startswith(b"committed")
    dying.kill()
    await dying.wait()
    assert await _rows(engine, "action.recorded") == []
    async with server.running(Service.RECORDER, register=recording(Store(engine))):
        await until(lambda: _has(engine, "action.recorded", 1), seconds=20)
    assert len(await _rows(engine, "action.started")) == 1
    assert (await verify(engine)).broken is None


async def _redeliver_after(server: LoopBus, seconds: float) -> None:
    consumer = dataclasses.replace(topology.RECORDER, ack_wait=seconds)
    async with server.client(Service.BOOTSTRAP) as (client, _):
        config = consumer_config(consumer)
        await client.jetstream().add_consumer(consumer.stream.name, config=config)
