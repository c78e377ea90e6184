import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ooda.recorder.migrate import migrate
from servers.command_line import Ooda
from servers.postgres import Postgres
from servers.trail import Database


@pytest.fixture
def ooda(tmp_path: Path) -> Ooda:
    return Ooda(tmp_path)


@pytest.fixture(scope="module")
def audit(postgres: Postgres) -> Iterator[Database]:
    """An audit database with the recorder's schema, for one module."""
    name = f"cli_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    database = Database(postgres, name)
    migrate(database.migration())
    yield database
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
