from collections.abc import Iterator

import pytest

from servers.kube_api import KubeApi, kube_api
from servers.postgres import Postgres, postgres_server
from servers.redis import redis_server


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as server:
        yield server
