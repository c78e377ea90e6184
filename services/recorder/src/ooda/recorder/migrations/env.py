"""Runs migrations: online only, one at a time."""

import asyncio

import sqlalchemy as sa
from alembic import context
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ooda.common.audit.schema import metadata

LOCK = 0x6F6F6461
"""Key of the advisory lock that a migration holds: ``ooda`` in ASCII."""


def _is_declared(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out partitions: they are made while the recorder runs, like their parent."""
    return kind != "table" or name is None or not name.startswith("events_p")


def _run(connection: Connection) -> None:
    connection.execute(sa.text("select pg_advisory_lock(:key)"), {"key": LOCK})
    connection.commit()
    try:
        context.configure(
            connection=connection, target_metadata=metadata, include_name=_is_declared
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.execute(sa.text("select pg_advisory_unlock(:key)"), {"key": LOCK})
        connection.commit()


async def _migrate(url: URL) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


asyncio.run(_migrate(context.config.attributes["url"]))
