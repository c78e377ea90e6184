"""A recorder that hangs between the commit and the confirmation: python dying_recorder.py.

Told by NATS_URL, NATS_PASSWORD and POSTGRES_URL. It says ``committed`` with the id of the event,
and waits to be killed.
"""

import asyncio
import os
import sys

from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry
from sqlalchemy.engine import make_url

from ooda.common.bus.nats_bus import Member, NatsBus, Telemetry
from ooda.common.clock import SystemClock
from ooda.common.events import Event
from ooda.common.settings import NatsSettings
from ooda.common.topology import RECORDER, Account, Service
from ooda.recorder.handlers import Recorder
from ooda.recorder.meters import Meters
from ooda.recorder.store import Store, recorder_engine


class Hanging:
    """A publisher that never gets to publish."""

    async def publish(self, event: Event) -> None:
        sys.stdout.write(f"committed {event.event_id}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


async def run() -> None:
    settings = NatsSettings.model_validate(
        {"url": os.environ["NATS_URL"], "password": os.environ["NATS_PASSWORD"]}
    )
    telemetry = Telemetry(TracerProvider(), CollectorRegistry())
    member = Member(Service.RECORDER, Account.LOOP, "a cluster")
    bus = NatsBus(settings, member, SystemClock(), telemetry)
    store = Store(recorder_engine(make_url(os.environ["POSTGRES_URL"])))
    handler = Recorder(store, Hanging(), SystemClock(), Meters(CollectorRegistry())).of(
        Account.LOOP
    )
    bus.consume_batches(RECORDER, handler, batch_size=100, max_wait=0.05)
    await bus.connect()
    await bus.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run())
