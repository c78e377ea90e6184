import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.nats import nats
from servers.postgres import postgres_server


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nats(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture(scope="module")
def postgres_dsn() -> Iterator[str]:
    with postgres_server() as server:
        yield server.dsn()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the configuration of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(("OODA_", "PG", "KUBE")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path
