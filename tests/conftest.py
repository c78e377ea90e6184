from collections.abc import Iterator

import pytest
from hypothesis import settings

from servers.agent_rights import grant
from servers.control_plane import TOKENS, ControlPlane, control_plane
from servers.kube_api import KubeApi, kube_api
from servers.postgres import Postgres, postgres_server
from servers.redis import redis_server

# How long an example takes says nothing on a busy machine.
settings.register_profile("ooda", deadline=None)
settings.load_profile("ooda")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("plane"), TOKENS) as running:
        running.teach()
        yield running


@pytest.fixture(scope="session")
def home(plane: ControlPlane) -> ControlPlane:
    """The plane with the services' namespace, accounts, rights and policies."""
    grant(plane)
    return plane


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with kube_api() as server:
        yield server
