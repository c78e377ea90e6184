"""Verify the trail as it is in the database: every row, against checkpoints and the head."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ooda.common.audit.chain import START, Anchor, Break, Link, Row, finish, step
from ooda.common.audit.schema import chain_checkpoints, chain_head, events

CHUNK = 1000
"""Rows that are in memory at once; a row is at most the bus's 1 MiB."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found."""

    rows: int
    """Rows that were read, up to the break if there is one."""
    partitions: int
    """Partitions that those rows are in."""
    first_position: int | None
    """Above 1 if older partitions were dropped by retention; None if there are no rows."""
    head: Anchor
    """Where the chain ends, as the recorder says. Keep it elsewhere to compare later."""
    broken: Break | None
    """The first break; None if the trail is as it was written."""


async def verify(engine: AsyncEngine) -> Report:
    """Read the whole trail in one snapshot of the database; memory does not grow with it.

    Raises SQLAlchemyError if the database cannot be read.
    """
    async with engine.connect() as connection:
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        return await _verify(connection)


async def _verify(connection: AsyncConnection) -> Report:
    found = (await connection.execute(sa.select(chain_head))).one_or_none()
    head = START if found is None else Anchor(found.position, found.row_hash)
    checkpoints = {
        each.last_position: each.last_hash
        for each in await connection.execute(sa.select(chain_checkpoints))
    }
    first = (await connection.execute(sa.select(sa.func.min(events.c.position)))).scalar_one()
    place = _start(first, checkpoints)
    columns = [each for each in events.c if each.name != "body"]
    ordered = sa.select(*columns).order_by(events.c.position)
    rows, broken = 0, None
    stream = await connection.stream(ordered.execution_options(yield_per=CHUNK))
    async for each in stream:
        rows += 1
        result = step(place, _link(each), checkpoints)
        if isinstance(result, Break):
            broken = result
            await stream.close()
            break
        place = result
    broken = broken or finish(place, head)
    partitions = _partitions(first, place.position, checkpoints)
    return Report(rows, partitions, first, head, broken)


def _start(first: int | None, checkpoints: Mapping[int, bytes]) -> Anchor:
    """Return the place before the first row: a closed partition's end, else the beginning."""
    last = max(checkpoints, default=0) if first is None else first - 1
    return Anchor(last, checkpoints[last]) if last in checkpoints else START


def _partitions(first: int | None, last: int, checkpoints: Mapping[int, bytes]) -> int:
    if first is None or last < first:
        return 0
    closed = sum(first <= position < last for position in checkpoints)
    return closed + 1


def _link(found: sa.Row[tuple[object, ...]]) -> Link:
    values = found._mapping  # noqa: SLF001 - SQLAlchemy's documented way to read a row by name
    row = Row(**{each.name: values[each.name] for each in fields(Row)})
    return Link(values["position"], values["previous_hash"], values["row_hash"], row)
