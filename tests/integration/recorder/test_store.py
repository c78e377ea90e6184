"""The store on a real Postgres, as the role that it has in the cluster."""

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Sequence

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from factories.events import NOW, make
from ooda.common.audit.chain import Break, BreakReason, Row
from ooda.common.audit.queries import reading_engine
from ooda.common.audit.schema import chain_checkpoints, events, snapshots
from ooda.common.audit.verification import verify
from ooda.common.clock import SystemClock
from ooda.common.events import (
    AnomalyFlagged,
    DiagnosisStarted,
    TelemetrySnapshot,
    parse_event,
)
from ooda.common.topology import Account
from ooda.recorder.core.rows import row_of, snapshot_of
from ooda.recorder.store import Store, StoreUnavailableError, recorder_engine
from servers.trail import Database, delivered


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = recorder_engine(database.url("recorder"))
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> Store:
    return Store(engine, partition_size=10)


def rows(first: int, last: int, recorded: dt.datetime = NOW) -> list[Row]:
    return [
        row_of(
            delivered(make(AnomalyFlagged, event_id=f"event-{number}"), number),
            Account.LOOP,
            recorded,
        )
        for number in range(first, last + 1)
    ]


async def _positions(engine: AsyncEngine) -> Sequence[int]:
    async with engine.connect() as connection:
        found = await connection.execute(sa.select(events.c.position).order_by(events.c.position))
        return found.scalars().all()


async def test_batches_make_one_chain_over_partitions(store: Store, engine: AsyncEngine) -> None:
    for first in (1, 8, 15, 22):
        await store.append(rows(first, first + 6))
    report = await verify(engine)
    assert (report.rows, report.partitions, report.broken) == (28, 3, None)
    async with engine.connect() as connection:
        closed = await connection.execute(
            sa.select(chain_checkpoints.c.first_position, chain_checkpoints.c.last_position)
        )
        assert [tuple(each) for each in closed] == [(1, 10), (11, 20)]


async def test_a_batch_may_be_larger_than_a_partition(store: Store, engine: AsyncEngine) -> None:
    await store.append(rows(1, 35))
    report = await verify(engine)
    assert (report.rows, report.partitions, report.broken) == (35, 4, None)


async def test_redelivery_writes_nothing_and_gives_the_same_hashes(
    store: Store, engine: AsyncEngine
) -> None:
    first = await store.append(rows(1, 12))
    again = await store.append(rows(5, 15))
    assert again[:8] == first[4:]
    assert await _positions(engine) == list(range(1, 16))
    assert (await verify(engine)).broken is None


async def test_two_writers_cannot_fork_the_chain(database: Database, store: Store) -> None:
    other_engine = recorder_engine(database.url("recorder"))
    other = Store(other_engine, partition_size=10)
    batches = [(each, store if each % 2 else other) for each in range(1, 31)]
    # Each batch repeats what the one before it has: both writers are handed the same events.
    hashes = await asyncio.gather(*(to.append(rows(each, each + 1)) for each, to in batches))
    assert all(one[1] == two[0] for one, two in itertools.pairwise(hashes))
    report = await verify(other_engine)
    assert (report.rows, report.broken) == (31, None)
    await other_engine.dispose()


async def test_old_partitions_are_dropped_and_the_rest_is_still_verified(
    store: Store, engine: AsyncEngine
) -> None:
    now = SystemClock().now()
    for first, age in ((1, 40), (11, 20), (21, 1)):
        await store.append(rows(first, first + 9, now - dt.timedelta(days=age)))
    await store.append(rows(31, 33, now))
    assert await store.drop_before(dt.timedelta(days=30)) == 1
    assert await store.drop_before(dt.timedelta(days=30)) == 0
    report = await verify(engine)
    assert (report.rows, report.first_position, report.broken) == (23, 11, None)
    assert await store.drop_before(dt.timedelta(days=7)) == 1
    await store.append(rows(34, 36, now))
    report = await verify(engine)
    assert (report.rows, report.first_position, report.broken) == (16, 21, None)


async def test_what_is_younger_than_a_week_or_not_full_is_never_dropped(
    store: Store, engine: AsyncEngine
) -> None:
    now = SystemClock().now()
    await store.append(rows(1, 5, now - dt.timedelta(days=99)))
    assert await store.drop_before(dt.timedelta(days=7)) == 0
    with pytest.raises(StoreUnavailableError, match="7 days at least"):
        await store.drop_before(dt.timedelta(days=6))
    assert await _positions(engine) == list(range(1, 6))


async def test_who_reads_the_trail_holds_dropping_up_but_not_for_long_those_who_write(
    store: Store, engine: AsyncEngine
) -> None:
    now = SystemClock().now()
    await store.append(rows(1, 12, now - dt.timedelta(days=40)))
    async with engine.connect() as reader:
        await reader.execute(sa.select(events.c.position))
        with pytest.raises(StoreUnavailableError, match="lock timeout"):
            await store.drop_before(dt.timedelta(days=30))
        await store.append(rows(13, 14, now))
    assert await store.drop_before(dt.timedelta(days=30)) == 1


async def test_while_postgres_is_away_nothing_is_lost(
    database: Database, store: Store, engine: AsyncEngine
) -> None:
    await store.append(rows(1, 3))
    database.server.stop()
    try:
        with pytest.raises(StoreUnavailableError):
            await store.append(rows(4, 6))
    finally:
        database.server.start()
    await store.append(rows(4, 6))
    report = await verify(engine)
    assert (report.rows, report.broken) == (6, None)


FORGERIES = {
    "payload changed": (
        "UPDATE events SET payload = convert_to('{}', 'UTF8') WHERE position = 5",
        Break(5, BreakReason.CHANGED),
    ),
    "namespace changed": (
        "UPDATE events SET namespace = 'other' WHERE position = 5",
        Break(5, BreakReason.CHANGED),
    ),
    "time changed by a microsecond": (
        "UPDATE events SET stored_at = stored_at + interval '1 microsecond' WHERE position = 5",
        Break(5, BreakReason.CHANGED),
    ),
    "row deleted": ("DELETE FROM events WHERE position = 5", Break(5, BreakReason.MISSING)),
    "tail truncated": ("DELETE FROM events WHERE position > 12", Break(13, BreakReason.TRUNCATED)),
    "all deleted": ("TRUNCATE events", Break(11, BreakReason.TRUNCATED)),
    "two rows swapped": (
        (
            "UPDATE events SET position = 9999999 WHERE position = 3;"
            "UPDATE events SET position = 3 WHERE position = 4;"
            "UPDATE events SET position = 4 WHERE position = 9999999"
        ),
        Break(3, BreakReason.UNLINKED),
    ),
    "a row appended": (
        (
            "INSERT INTO events (position, previous_hash, row_hash, account, stream,"
            " stream_sequence, subject, event_id, occurred_at, stored_at, recorded_at, payload)"
            " SELECT 16, row_hash, row_hash, account, stream, 99, subject, 'forged', occurred_at,"
            " stored_at, recorded_at, payload FROM events WHERE position = 15"
        ),
        Break(16, BreakReason.CHANGED),
    ),
    "checkpoint changed": (
        "UPDATE chain_checkpoints SET last_hash = sha256('')",
        Break(10, BreakReason.CHECKPOINT_DIFFERS),
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_what_the_owner_forges_is_found(
    store: Store, engine: AsyncEngine, database: Database, name: str
) -> None:
    """Only whoever owns the tables can get past the triggers; the chain shows it."""
    statement, expected = FORGERIES[name]
    await store.append(rows(1, 15))
    with psycopg.connect(database.dsn()) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SELECT open_events_partition(9999999, 10)")
        connection.execute(statement.encode())
    assert (await verify(engine)).broken == expected


TAMPERING = [
    "UPDATE events SET namespace = 'other'",
    "DELETE FROM events",
    "TRUNCATE events",
    "UPDATE events_p1 SET namespace = 'other'",
    "DELETE FROM events_p1",
    "TRUNCATE events_p1",
    "UPDATE chain_checkpoints SET last_position = 0",
    "DELETE FROM chain_checkpoints",
    "TRUNCATE chain_checkpoints",
    "UPDATE chain_head SET position = 0",
    "DELETE FROM chain_head",
    "TRUNCATE chain_head",
]


@pytest.mark.parametrize("role", ["recorder", "reader", "postgres"])
@pytest.mark.parametrize("statement", TAMPERING)
async def test_nobody_changes_the_trail(
    store: Store, database: Database, role: str, statement: str
) -> None:
    """By grants for the two roles, by triggers for the owner."""
    await store.append(rows(1, 12))
    with (
        psycopg.connect(database.dsn(role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


FORBIDDEN = {
    "reader": [
        "INSERT INTO chain_checkpoints VALUES (1, 2, '', now())",
        "INSERT INTO snapshots VALUES ('a', null, now(), now(), '')",
        "SELECT open_events_partition(1, 10)",
        "SELECT thin_snapshots('0 s', '0 s', now())",
        "SELECT drop_events_recorded_before('30 days')",
        "CREATE TABLE mine ()",
    ],
    "recorder": [
        "INSERT INTO chain_head VALUES (true, 1, '')",
        "UPDATE snapshots SET payload = null",
        "DELETE FROM snapshots",
        "CREATE TABLE mine ()",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
        "SELECT drop_events_recorded_before('6 days')",
    ],
}


@pytest.mark.parametrize(
    ("role", "statement"), [(role, each) for role, all_ in FORBIDDEN.items() for each in all_]
)
async def test_a_role_may_do_nothing_else(database: Database, role: str, statement: str) -> None:
    with (
        psycopg.connect(database.dsn(role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


async def test_a_reader_reads_and_verifies(store: Store, database: Database) -> None:
    await store.append(rows(1, 12))
    reader = reading_engine(database.url("reader"))
    assert (await verify(reader)).broken is None
    await reader.dispose()


EVENT = make(AnomalyFlagged).model_dump_json(exclude={"observed"})[:-1]
HOSTILE = {
    "NUL in a text": EVENT.encode() + rb', "observed": {"reason": "a\u0000\u0000b"}}',
    "escaped backslash before u0000": EVENT.encode() + rb', "observed": {"reason": "a\\u0000"}}',
    "NUL in a field we do not know": EVENT.encode() + rb', "later": "\u0000"}',
    "a number too large": EVENT.encode() + b', "later": 1e999999}',
    "not a number": EVENT.encode() + b', "later": NaN}',
    "deep": EVENT.encode() + b', "later": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "invalid UTF-8": EVENT.encode() + b', "later": "\xff\xfe"}',
    "one MiB": EVENT.encode() + b', "later": "' + b"x" * 1024 * 1024 + b'"}',
    "no JSON": b"\x00\x01\x02",
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_payload_holds_up_those_behind_it(
    store: Store, engine: AsyncEngine, owner: AsyncEngine, name: str
) -> None:
    hostile = delivered(make(AnomalyFlagged, event_id="hostile"), 1, payload=HOSTILE[name])
    given = [row_of(hostile, Account.LOOP, NOW), *rows(2, 4)]
    await store.append(given)
    async with owner.connect() as connection:
        stored = await connection.execute(
            sa.select(events.c.payload).where(events.c.event_id == "hostile")
        )
        assert stored.scalar_one() == HOSTILE[name]
        bodies = await connection.execute(sa.text("SELECT count(body) FROM loop_events"))
        assert bodies.scalar_one() >= 3
        for view in ("incidents", "incident_timeline", "actions", "open_reviews", "decisions"):
            await connection.execute(sa.text(f"SELECT * FROM {view}"))  # noqa: S608 - names of ours
    report = await verify(engine)
    assert (report.rows, report.broken) == (4, None)


async def test_a_text_with_nul_can_still_be_queried(store: Store, engine: AsyncEngine) -> None:
    payload = HOSTILE["NUL in a text"]
    event = parse_event("anomaly.flagged", payload)
    await store.append([row_of(delivered(event, 1, payload=payload), Account.LOOP, NOW)])
    async with engine.connect() as connection:
        found = await connection.execute(sa.select(events.c.body["observed"]["reason"].astext))
        assert found.scalar_one() == "a��b"


async def test_ids_that_cannot_be_stored_are_stored_by_their_hash(
    store: Store, engine: AsyncEngine
) -> None:
    hostile = [
        make(AnomalyFlagged, event_id=each, namespace=each, anomaly_id=each)
        for each in ("a\x00b", "x" * 100_000, "", "'; DROP TABLE events; --")
    ]
    given = [
        row_of(delivered(each, number, headers={"traceparent": "nonsense"}), Account.LOOP, NOW)
        for number, each in enumerate(hostile, 1)
    ]
    await store.append(given)
    await store.append(given)
    report = await verify(engine)
    assert (report.rows, report.broken) == (4, None)


MINUTE = dt.timedelta(minutes=1)


async def _whole(engine: AsyncEngine) -> dict[str, bool]:
    async with engine.connect() as connection:
        found = await connection.execute(
            sa.select(snapshots.c.event_id, snapshots.c.payload.is_not(None))
        )
        return dict(found.all())


async def test_snapshots_stay_whole_around_incidents_of_their_namespace(
    store: Store, engine: AsyncEngine
) -> None:
    started = delivered(make(DiagnosisStarted, namespace="hurt"), 1)
    await store.append([row_of(started, Account.LOOP, NOW)])
    for namespace in ("hurt", "well"):
        for minutes in (-20, -3, 0, 5):
            at = NOW + minutes * MINUTE
            taken = make(
                TelemetrySnapshot,
                event_id=f"{namespace} {minutes}",
                namespace=namespace,
                occurred_at=at,
            )
            await store.keep([snapshot_of(delivered(taken, 1, stream="TELEMETRY"), at)] * 2)
    assert all((await _whole(engine)).values())
    await store.thin(10 * MINUTE, 60 * MINUTE, NOW + 14 * MINUTE)
    assert await _whole(engine) == {
        "hurt -20": False,
        "hurt -3": True,
        "hurt 0": True,
        "hurt 5": True,
        "well -20": False,
        "well -3": False,
        "well 0": False,
        "well 5": True,
    }
    await store.thin(10 * MINUTE, 60 * MINUTE, NOW + 58 * MINUTE)
    assert set(await _whole(engine)) == {"hurt 0", "hurt 5", "well 0", "well 5"}
