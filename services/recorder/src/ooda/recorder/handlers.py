"""Batches of events, as the bus hands them over: one transaction, then the confirmations."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import structlog

from ooda.common.audit.chain import Row
from ooda.common.bus.interface import BatchHandler, Delivery, Publisher, RetryLaterError
from ooda.common.clock import Clock
from ooda.common.events import SUMMARY_LIMIT, ActionRecorded, ActionStarted, derive_id
from ooda.common.phrases import planned, shortened
from ooda.common.topology import Account
from ooda.recorder.core.rows import Snapshot, row_of, snapshot_of
from ooda.recorder.meters import Meters
from ooda.recorder.store import StoreUnavailableError

log = structlog.get_logger()


class Trail(Protocol):
    """Where events and snapshots go. Both methods raise StoreUnavailableError."""

    async def append(self, rows: Sequence[Row]) -> Sequence[bytes]:
        """Record what is new; return the hash under which each row is in the trail, durably."""
        ...

    async def keep(self, taken: Sequence[Snapshot]) -> None:
        """Store snapshots."""
        ...


class Recorder:
    """Records what it is handed. While the database is away the bus keeps the events."""

    def __init__(self, store: Trail, publisher: Publisher, clock: Clock, meters: Meters) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._meters = meters
        self._away: str | None = None

    @property
    def away(self) -> str | None:
        """Return why the database took nothing the last time; None if it did."""
        return self._away

    def of(self, account: Account) -> BatchHandler:
        """Return the handler of an account's events."""

        async def record(deliveries: Sequence[Delivery]) -> None:
            await self._record(account, deliveries)

        return record

    async def _record(self, account: Account, deliveries: Sequence[Delivery]) -> None:
        now = self._clock.now()
        rows = [row_of(each, account, now) for each in deliveries]
        with self._written("events"):
            hashes = await self._store.append(rows)
        self._meters.events.labels(account).inc(len(rows))
        if account is not Account.LOOP:
            return
        # For duplicates too: we may have been killed between the commit and the confirmation.
        for delivery, row_hash in zip(deliveries, hashes, strict=True):
            if isinstance(delivery.event, ActionStarted):
                await self._publisher.publish(self._confirmation(delivery.event, row_hash))

    def _confirmation(self, intent: ActionStarted, row_hash: bytes) -> ActionRecorded:
        deed = planned(intent.action, intent.target, intent.steps)
        return ActionRecorded(
            event_id=derive_id(ActionRecorded.subject, intent.event_id),
            summary=shortened(f"Recorded the intent to {deed.to_do()}.", SUMMARY_LIMIT),
            occurred_at=self._clock.now(),
            cluster_id=intent.cluster_id,
            namespace=intent.namespace,
            caused_by=(intent.event_id,),
            incident_id=intent.incident_id,
            action_id=intent.action_id,
            intent_id=intent.event_id,
            row_hash=row_hash.hex(),
        )

    async def keep_snapshots(self, deliveries: Sequence[Delivery]) -> None:
        """Store telemetry: not in the chain."""
        now = self._clock.now()
        with self._written("snapshots"):
            await self._store.keep([snapshot_of(each, now) for each in deliveries])
        self._meters.snapshots.inc(len(deliveries))

    @contextmanager
    def _written(self, table: str) -> Iterator[None]:
        """Say what became of a write. Raises RetryLaterError if the database is away."""
        try:
            with self._meters.write_seconds.labels(table).time():
                yield
        except StoreUnavailableError as error:
            self._away = str(error)
            self._meters.away.set(1)
            log.error("database away", reason=self._away)  # noqa: TRY400 - the sentence is the whole story
            raise RetryLaterError(self._away) from error
        self._away = None
        self._meters.away.set(0)
