import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.nats import nats
from servers.postgres import postgres


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that user postgres can reach: pytest's own is closed to other users."""
    with tempfile.TemporaryDirectory(prefix="ooda-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def nats_url(folder: Path) -> Iterator[str]:
    (folder / "nats").mkdir()
    with nats(folder / "nats") as url:
        yield url


@pytest.fixture(scope="module")
def postgres_dsn(folder: Path) -> Iterator[str]:
    (folder / "postgres").mkdir()
    with postgres(folder / "postgres") as dsn:
        yield dsn


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the configuration of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(("OODA_", "PG", "KUBE")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path
