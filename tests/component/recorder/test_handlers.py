import datetime as dt
import hashlib
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from factories.events import NOW, make
from ooda.common.audit.chain import Row
from ooda.common.bus.interface import BusUnavailableError, RetryLaterError
from ooda.common.events import (
    ActionApplied,
    ActionRecorded,
    ActionStarted,
    AnomalyFlagged,
    Event,
    TelemetrySnapshot,
    derive_id,
)
from ooda.common.topology import Account
from ooda.recorder.core.rows import Snapshot
from ooda.recorder.handlers import Recorder
from ooda.recorder.meters import Meters
from ooda.recorder.store import StoreUnavailableError
from servers.trail import delivered


class ToldStore:
    """Keeps rows by event id; refuses while it is told to be away."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.snapshots: list[Snapshot] = []
        self.away = False

    async def append(self, rows: Sequence[Row]) -> Sequence[bytes]:
        self._refuse_if_away()
        for row in rows:
            self.rows.setdefault(row.event_id, row)
        return [hashlib.sha256(row.event_id.encode()).digest() for row in rows]

    async def keep(self, taken: Sequence[Snapshot]) -> None:
        self._refuse_if_away()
        self.snapshots += taken

    def _refuse_if_away(self) -> None:
        if self.away:
            raise StoreUnavailableError("away")


class ToldBus:
    """Keeps what was published; refuses while it is told to be away."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.away = False

    async def publish(self, event: Event) -> None:
        if self.away:
            raise BusUnavailableError("away")
        self.published.append(event)


class Noon:
    """A clock that stands still."""

    def now(self) -> dt.datetime:
        return NOW


INTENT = delivered(make(ActionStarted), 2)
BATCH = [delivered(make(AnomalyFlagged), 1), INTENT, delivered(make(ActionApplied), 3)]


@pytest.fixture
def store() -> ToldStore:
    return ToldStore()


@pytest.fixture
def bus() -> ToldBus:
    return ToldBus()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def recorder(store: ToldStore, bus: ToldBus, registry: CollectorRegistry) -> Recorder:
    return Recorder(store, bus, Noon(), Meters(registry))


async def test_an_intent_is_confirmed_once_it_is_recorded(
    recorder: Recorder, store: ToldStore, bus: ToldBus
) -> None:
    await recorder.of(Account.LOOP)(BATCH)
    assert len(store.rows) == 3
    (confirmation,) = bus.published
    intent = INTENT.event
    assert isinstance(confirmation, ActionRecorded)
    assert confirmation.summary == "Recorded the intent to roll Deployment checkout back."
    assert isinstance(intent, ActionStarted)
    assert confirmation.event_id == derive_id("action.recorded", intent.event_id)
    assert confirmation.intent_id == intent.event_id
    assert confirmation.action_id == intent.action_id
    assert confirmation.row_hash == hashlib.sha256(intent.event_id.encode()).hexdigest()


async def test_what_is_not_recorded_is_not_confirmed(
    recorder: Recorder, store: ToldStore, bus: ToldBus
) -> None:
    store.away = True
    with pytest.raises(RetryLaterError):
        await recorder.of(Account.LOOP)(BATCH)
    with pytest.raises(RetryLaterError):
        await recorder.keep_snapshots([delivered(make(TelemetrySnapshot), 1)])
    assert bus.published == []


async def test_killed_after_the_commit_it_confirms_at_the_redelivery(
    recorder: Recorder, store: ToldStore, bus: ToldBus
) -> None:
    bus.away = True
    with pytest.raises(BusUnavailableError):
        await recorder.of(Account.LOOP)(BATCH)
    assert len(store.rows) == 3
    bus.away = False
    await recorder.of(Account.LOOP)(BATCH)
    assert len(store.rows) == 3
    assert len(bus.published) == 1


async def test_only_the_loop_can_have_an_intent_confirmed(
    recorder: Recorder, store: ToldStore, bus: ToldBus
) -> None:
    await recorder.of(Account.FAULTS)(BATCH)
    assert {row.account for row in store.rows.values()} == {"FAULTS"}
    assert bus.published == []


async def test_snapshots_are_kept_apart(recorder: Recorder, store: ToldStore) -> None:
    taken = delivered(make(TelemetrySnapshot), 1, stream="TELEMETRY")
    await recorder.keep_snapshots([taken])
    assert store.rows == {}
    assert [each.digest for each in store.snapshots] == [hashlib.sha256(taken.payload).digest()]


async def test_prometheus_is_told_what_the_database_took_and_that_it_is_away(
    recorder: Recorder, store: ToldStore, registry: CollectorRegistry
) -> None:
    await recorder.of(Account.LOOP)(BATCH)
    store.away = True
    with pytest.raises(RetryLaterError):
        await recorder.of(Account.LOOP)(BATCH)
    assert registry.get_sample_value("ooda_recorder_events_total", {"account": "LOOP"}) == 3
    tried = registry.get_sample_value("ooda_recorder_write_seconds_count", {"table": "events"})
    assert tried == 2
    assert registry.get_sample_value("ooda_recorder_database_away") == 1
    store.away = False
    await recorder.keep_snapshots([delivered(make(TelemetrySnapshot), 1)])
    assert registry.get_sample_value("ooda_recorder_snapshots_total") == 1
    assert registry.get_sample_value("ooda_recorder_database_away") == 0
