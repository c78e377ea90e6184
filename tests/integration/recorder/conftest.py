import uuid
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ooda.recorder.migrate import migrate
from servers.postgres import Postgres
from servers.trail import Database


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[Database]:
    """A database of its own, empty."""
    name = f"audit_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield Database(postgres, name)
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database(empty: Database) -> Database:
    """A database as the Job leaves it."""
    migrate(empty.migration())
    return empty


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database.url(), poolclass=NullPool)
    yield engine
    await engine.dispose()
