"""The five services as processes, on real servers, once for the whole folder.

It is a package for that: they are started once and are gone when the folder's last test has ended.
"""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from ooda.recorder.migrate import migrate
from servers.control_plane import ControlPlane
from servers.loop import Loop, loop
from servers.loop_bus import LoopBus, loop_bus
from servers.paper_kubelet import paper_kubelet
from servers.person import Person
from servers.postgres import Postgres, postgres_server
from servers.story import Story
from servers.trail import Database


@pytest.fixture(scope="package")
def own_postgres() -> Iterator[Postgres]:
    """A server that tests of this folder may stop."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="package")
def database(own_postgres: Postgres) -> Database:
    with psycopg.connect(own_postgres.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE audit")
    made = Database(own_postgres, "audit")
    migrate(made.migration())
    return made


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def bus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LoopBus]:
    async with loop_bus(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def services(
    home: ControlPlane, bus: LoopBus, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Loop]:
    directory = tmp_path_factory.mktemp("loop")
    async with (
        paper_kubelet(home.url, home.admin_token, home.trust, home.serving),
        loop(directory, home, bus, database) as made,
    ):
        await made.start()
        yield made


@pytest_asyncio.fixture(loop_scope="package")
async def story(
    plane: ControlPlane, bus: LoopBus, services: Loop, database: Database
) -> AsyncIterator[Story]:
    """A healthy workload in a namespace of its own, which the agent knows to be good."""
    namespace = f"shop-{uuid.uuid4().hex[:6]}"
    made = Story(plane, bus, services, database, namespace)
    await made.begin()
    yield made
    await made.end()


@pytest.fixture
def alice(tmp_path: Path, bus: LoopBus, database: Database) -> Person:
    return Person(tmp_path, bus, database)
