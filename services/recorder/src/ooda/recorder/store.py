"""The audit database as the recorder writes it: a transaction per batch, one writer at a time."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ooda.common.audit.chain import Anchor, Link, Row
from ooda.common.audit.schema import chain_checkpoints, chain_head, events, snapshots
from ooda.recorder.core.batches import Key, Known, arrange, keys_of, partitions_of
from ooda.recorder.core.rows import Snapshot

PARTITION_SIZE = 1_000_000
"""Rows of a partition. It is fixed: another one needs a migration. About 2 GiB at 2 KiB a row."""


class StoreUnavailableError(Exception):
    """The database did not take it: nothing of the batch was written, or it is found there."""


def recorder_engine(url: URL) -> AsyncEngine:
    """Open no connection yet; each statement has 10 s, so that a lost server is noticed."""
    return create_async_engine(
        url,
        pool_size=4,
        pool_pre_ping=True,
        hide_parameters=True,  # an error is logged; what it was about may be long, or hostile
        connect_args={
            "connect_timeout": 5,
            "application_name": "ooda-recorder",
            "options": "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=30000",
        },
    )


class Store:
    """Appends to the chain and keeps snapshots. Every method raises StoreUnavailableError."""

    def __init__(self, engine: AsyncEngine, partition_size: int = PARTITION_SIZE) -> None:
        self._engine = engine
        self._partition_size = partition_size

    async def append(self, rows: Sequence[Row]) -> Sequence[bytes]:
        """Record what is new; return the hash under which each row is in the trail, durably."""
        try:
            async with self._engine.begin() as connection:
                head = await _lock_head(connection)
                batch = arrange(head, rows, await _find(connection, keys_of(rows)))
                if batch.links:
                    await self._write(connection, batch.links)
        except SQLAlchemyError as error:
            raise StoreUnavailableError(f"recording {len(rows)} events: {error}") from error
        return batch.row_hashes

    async def _write(self, connection: AsyncConnection, links: Sequence[Link]) -> None:
        by_position = {each.position: each for each in links}
        for partition in partitions_of(links, self._partition_size):
            if partition.first in by_position:
                opening = sa.func.open_events_partition(partition.first, self._partition_size)
                await connection.execute(sa.select(opening))
        await connection.execute(sa.insert(events), [_columns(each) for each in links])
        for partition in partitions_of(links, self._partition_size):
            if last := by_position.get(partition.last):
                checkpoint = sa.insert(chain_checkpoints).values(
                    first_position=partition.first,
                    last_position=partition.last,
                    last_hash=last.row_hash,
                    closed_at=last.row.recorded_at,
                )
                await connection.execute(checkpoint)
        advanced = {"position": links[-1].position, "row_hash": links[-1].row_hash}
        await connection.execute(sa.update(chain_head).values(advanced))

    async def keep(self, taken: Sequence[Snapshot]) -> None:
        """Store snapshots, whole; one that is stored already is left alone."""
        statement = insert(snapshots).on_conflict_do_nothing()
        try:
            async with self._engine.begin() as connection:
                await connection.execute(statement, [asdict(each) for each in taken])
        except SQLAlchemyError as error:
            raise StoreUnavailableError(f"storing {len(taken)} snapshots: {error}") from error

    async def thin(self, around: dt.timedelta, keep: dt.timedelta, at: dt.datetime) -> None:
        """Drop snapshots older than ``keep``; of those far from any incident keep the digest."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(sa.select(sa.func.thin_snapshots(around, keep, at)))
        except SQLAlchemyError as error:
            raise StoreUnavailableError(f"thinning snapshots: {error}") from error

    async def drop_before(self, keep: dt.timedelta) -> int:
        """Drop full partitions that are older than ``keep``, a week or more; return how many."""
        try:
            async with self._engine.begin() as connection:
                dropping = sa.select(sa.func.drop_events_recorded_before(keep))
                return int((await connection.execute(dropping)).scalar_one())
        except SQLAlchemyError as error:
            raise StoreUnavailableError(f"dropping old events: {error}") from error


async def _lock_head(connection: AsyncConnection) -> Anchor:
    """Wait until no other writer is appending: the lock is on what a fork would need."""
    statement = sa.select(chain_head.c.position, chain_head.c.row_hash).with_for_update()
    row = (await connection.execute(statement)).one()
    return Anchor(row.position, row.row_hash)


async def _find(connection: AsyncConnection, keys: set[Key]) -> dict[Key, Known]:
    statement = sa.select(
        events.c.stream,
        events.c.event_id,
        events.c.row_hash,
        sa.func.sha256(events.c.payload).label("digest"),
    ).where(
        events.c.stream.in_({stream for stream, _ in keys}),
        events.c.event_id.in_({event_id for _, event_id in keys}),
    )
    found = await connection.execute(statement)
    return {(row.stream, row.event_id): Known(row.digest, row.row_hash) for row in found}


def _columns(each: Link) -> dict[str, Any]:
    place = {"position": each.position, "previous_hash": each.previous_hash}
    return asdict(each.row) | place | {"row_hash": each.row_hash}
