from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.kube_api import KubeApi, kube_api
from servers.postgres import Postgres, postgres_server

SHOP = Path(__file__).parents[3] / "testbed/shop"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as server:
        yield server
