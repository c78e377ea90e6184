"""What people ask the trail: incidents, one incident's story, actions, open reviews.

Each raises SQLAlchemyError if the database cannot be read.
"""

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ooda.common.audit import schema
from ooda.common.events import DeadLetter, ReviewRequested
from ooda.common.reach import UnreachableError
from ooda.common.topology import Account

Each = TypeVar("Each")

Trail = AsyncEngine
"""A database that is open for reading."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, as it is now; times are the bus's."""

    incident_id: str
    namespace: str | None
    opened_at: dt.datetime
    closed_at: dt.datetime | None
    closure: str | None
    failure_class: str | None
    component: str | None
    confidence: float | None
    attempts: int | None
    actions: int
    summary: str | None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of an incident, its anomalies among them."""

    position: int
    stored_at: dt.datetime
    occurred_at: dt.datetime
    subject: str
    summary: str | None
    event_id: str
    trace_id: str | None
    body: Mapping[str, Any] | None
    """None if the event cannot be shown as JSON; the row has it byte for byte."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action, from the intent to its end."""

    action_id: str
    incident_id: str
    namespace: str | None
    action: str | None
    target: str | None
    risk: str | None
    started_at: dt.datetime
    recorded_at: dt.datetime
    applied_at: dt.datetime | None
    undone_at: dt.datetime | None
    executed_at: dt.datetime | None
    outcome: str | None
    reason: str | None
    wrote: bool | None
    row_hash: bytes
    """Of the intent; ``action.recorded`` carries it."""


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A question to a person that is neither answered nor overtaken by the incident's end."""

    review_id: str
    incident_id: str
    namespace: str | None
    requested_at: dt.datetime
    expires_at: dt.datetime | None
    failure_class: str | None
    component: str | None
    confidence: float | None
    question: str | None
    reason: str | None
    proposal: str | None


@dataclass(frozen=True, slots=True)
class LetterRow:
    """An event that a service gave up on, with the error and the event itself."""

    event_id: str
    stored_at: dt.datetime
    service: str | None
    original_subject: str | None
    stream: str | None
    sequence: int | None
    deliveries: int | None
    error: str | None
    payload: str | None


@dataclass(frozen=True, slots=True)
class OpenWork:
    """How much is not finished."""

    incidents: int
    reviews: int
    """Questions that wait for a person."""


class StatementError(Exception):
    """A person's statement is wrong, or it would do more than read; the message says which."""


@asynccontextmanager
async def reading(url: URL) -> AsyncIterator[AsyncEngine]:
    """Have an engine that reads for as long as the block lasts.

    Raises UnreachableError in place of what the driver says of a server that is away or refuses.
    """
    engine = reading_engine(url)
    where = f"Postgres at {url.host}:{url.port}"
    try:
        yield engine
    except OperationalError as error:
        reason = _first_line(error.orig)
        raise UnreachableError(f"{where} cannot be used ({reason}): see `ooda doctor`.") from error
    except ProgrammingError as error:
        raise UnreachableError(f"{where} refuses: {_first_line(error.orig)}") from error
    finally:
        await engine.dispose()


def reading_engine(url: URL) -> AsyncEngine:
    """Open no connection yet; sessions are read-only."""
    return create_async_engine(
        url,
        pool_size=1,
        connect_args={
            "connect_timeout": 5,
            "application_name": "ooda-reader",
            "options": "-c default_transaction_read_only=on",
        },
    )


async def incidents(
    engine: AsyncEngine, since: dt.datetime, namespace: str | None = None, limit: int = 100
) -> Sequence[Incident]:
    """Return the incidents that were opened since then, newest first."""
    view = schema.incidents
    statement = sa.select(view).where(view.c.opened_at >= since)
    if namespace is not None:
        statement = statement.where(view.c.namespace == namespace)
    return await _all(engine, Incident, statement.order_by(view.c.opened_at.desc()).limit(limit))


async def timeline(engine: AsyncEngine, incident_id: str) -> Sequence[TimelineEntry]:
    """Return an incident's story in the order in which it was stored; empty if there is none."""
    view = schema.incident_timeline
    statement = sa.select(view).where(view.c.incident_id == incident_id)
    return await _all(engine, TimelineEntry, statement.order_by(view.c.stored_at, view.c.position))


async def actions(
    engine: AsyncEngine, since: dt.datetime, incident_id: str | None = None, limit: int = 100
) -> Sequence[Action]:
    """Return the actions that were begun since then, newest first."""
    view = schema.actions
    statement = sa.select(view).where(view.c.started_at >= since)
    if incident_id is not None:
        statement = statement.where(view.c.incident_id == incident_id)
    return await _all(engine, Action, statement.order_by(view.c.started_at.desc()).limit(limit))


async def open_reviews(engine: AsyncEngine) -> Sequence[OpenReview]:
    """Return what waits for a person, oldest first; of one incident the newest question only.

    The decider asks one question at a time of an incident: the newest takes the others' place.
    """
    view = schema.open_reviews
    newest = (
        sa.select(view)
        .ext(distinct_on(view.c.incident_id))
        .order_by(view.c.incident_id, view.c.requested_at.desc())
        .subquery()
    )
    return await _all(engine, OpenReview, sa.select(newest).order_by(newest.c.requested_at))


async def reviews(engine: AsyncEngine, beginning: str) -> Sequence[ReviewRequested]:
    """Return the questions whose ids begin so, answered or not, at most two of them.

    Raises ValueError if the trail has one that cannot be read.
    """
    row = schema.events
    statement = (
        sa.select(row.c.body)
        .where(row.c.account == str(Account.LOOP), row.c.subject == ReviewRequested.subject)
        .where(row.c.body["review_id"].astext.startswith(beginning, autoescape=True))
        .order_by(row.c.stored_at.desc())
        .limit(2)
    )
    async with engine.connect() as connection:
        bodies = (await connection.execute(statement)).scalars()
        return [ReviewRequested.model_validate(each) for each in bodies]


async def incident_ids(engine: AsyncEngine, beginning: str) -> Sequence[str]:
    """Return the ids of incidents that begin so, at most two."""
    view = schema.incidents
    statement = sa.select(view.c.incident_id).where(
        view.c.incident_id.startswith(beginning, autoescape=True)
    )
    async with engine.connect() as connection:
        return list((await connection.execute(statement.limit(2))).scalars())


async def dead_letters(
    engine: AsyncEngine, since: dt.datetime, limit: int = 100
) -> Sequence[LetterRow]:
    """Return the events that were given up on since then, newest first."""
    row, body = schema.events, schema.events.c.body
    told = {
        name: body[name].astext.label(name)
        for name in ("service", "original_subject", "stream", "error", "payload")
    } | {
        name: sa.cast(body[name].astext, sa.BigInteger).label(name)
        for name in ("sequence", "deliveries")
    }
    statement = (
        sa.select(row.c.event_id, row.c.stored_at, *told.values())
        .where(row.c.subject == DeadLetter.subject, row.c.stored_at >= since)
        .order_by(row.c.stored_at.desc())
    )
    return await _all(engine, LetterRow, statement.limit(limit))


async def open_work(engine: AsyncEngine) -> OpenWork:
    """Return how many incidents go on, and how many questions wait for a person."""
    incident, review = schema.incidents, schema.open_reviews
    asked = sa.distinct(review.c.incident_id)
    going_on = (
        sa.select(sa.func.count()).select_from(incident).where(incident.c.closed_at.is_(None))
    )
    waiting = sa.select(sa.func.count(asked)).select_from(review)
    async with engine.connect() as connection:
        return OpenWork(
            incidents=(await connection.execute(going_on)).scalar_one(),
            reviews=(await connection.execute(waiting)).scalar_one(),
        )


async def ask(
    engine: AsyncEngine, statement: str, limit: int
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Run a person's own SELECT as it is; return the columns and at most so many rows.

    By a cursor in the server: it takes one statement, one that reads, and its other rows never
    come here. Raises StatementError.
    """
    async with engine.connect() as connection:
        driver = cast(
            "psycopg.AsyncConnection", (await connection.get_raw_connection()).driver_connection
        )
        try:
            async with driver.cursor("question") as cursor:
                await cursor.execute(statement.encode())
                names = [column.name for column in cursor.description or ()]
                return names, await cursor.fetchmany(limit)
        except psycopg.OperationalError as error:
            raise UnreachableError(f"Postgres gave no answer: {_first_line(error)}") from error
        except psycopg.Error as error:
            raise StatementError(f"Postgres refuses: {_first_line(error)}") from error


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


async def _all(engine: AsyncEngine, kind: type[Each], statement: sa.Select[Any]) -> Sequence[Each]:
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]  # dataclasses only
    async with engine.connect() as connection:
        found = await connection.execute(statement)
        return [kind(**{name: row[name] for name in names}) for row in found.mappings()]
