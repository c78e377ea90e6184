"""The composition root: a handler for each account, and what is forgotten with time."""

import asyncio
import datetime as dt
from collections.abc import Mapping

import structlog

from ooda.common.audit.address import audit_url
from ooda.common.clock import Clock
from ooda.common.service import App, BatchConsumption, Context
from ooda.common.topology import (
    RECORDER,
    RECORDER_FAULTS,
    RECORDER_PEOPLE,
    RECORDER_TELEMETRY,
    Account,
)
from ooda.recorder.handlers import Recorder
from ooda.recorder.meters import Meters
from ooda.recorder.settings import RecorderSettings
from ooda.recorder.store import Store, StoreUnavailableError, recorder_engine

log = structlog.get_logger()

BATCH_SIZE, MAX_WAIT = 100, 0.025
"""Events, seconds. An intent waits for that and one transaction until it is confirmed: the budget
of both is 50 ms."""

PATIENT_WAIT = 0.5
"""Seconds. For what nobody waits for: asking less often costs less while nothing happens."""

SNAPSHOT_BATCH_SIZE, SNAPSHOT_MAX_WAIT = 20, 1.0
"""Snapshots are large and nobody waits for them."""

TIDYING_PERIOD = 60.0
"""Seconds between two times that what is old is forgotten."""


async def compose(context: Context) -> App:
    """Put the recorder together. Raises ValueError if the bus has no user for an account."""
    settings: RecorderSettings = context.settings
    store = Store(recorder_engine(audit_url(settings.postgres)))
    recorder = Recorder(store, context.bus(Account.LOOP), context.clock, Meters(context.metrics))

    def status() -> Mapping[str, str]:
        return {"database": recorder.away or "takes what it is given"}

    async def tidy() -> None:
        await tidy_for_ever(store, settings, context.clock)

    accounts = (
        (RECORDER, Account.LOOP, MAX_WAIT),
        (RECORDER_FAULTS, Account.FAULTS, PATIENT_WAIT),
        (RECORDER_PEOPLE, Account.PEOPLE, PATIENT_WAIT),
    )
    return App(
        consumers=[
            *(
                BatchConsumption(consumer, recorder.of(account), BATCH_SIZE, wait)
                for consumer, account, wait in accounts
            ),
            BatchConsumption(
                RECORDER_TELEMETRY, recorder.keep_snapshots, SNAPSHOT_BATCH_SIZE, SNAPSHOT_MAX_WAIT
            ),
        ],
        tasks=[tidy],
        status=status,
        ready=lambda: recorder.away is None,
    )


async def tidy_for_ever(store: Store, settings: RecorderSettings, clock: Clock) -> None:
    """Thin snapshots and drop old events, for ever; the database may be away meanwhile."""
    around = dt.timedelta(minutes=settings.snapshots_whole_minutes)
    keep = dt.timedelta(days=settings.snapshots_keep_days)
    while True:
        try:
            await store.thin(around, keep, clock.now())
            if settings.events_keep_days is not None:
                dropped = await store.drop_before(dt.timedelta(days=settings.events_keep_days))
                if dropped:
                    log.info("old events dropped", partitions=dropped)
        except StoreUnavailableError as error:
            log.warning("what is old is not forgotten yet", reason=str(error))
        await asyncio.sleep(TIDYING_PERIOD)
