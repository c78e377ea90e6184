import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from servers.api_server import Serve, serving


@pytest.fixture(autouse=True)
def outside_any_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("KUBE"):
            monkeypatch.delenv(name)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with serving() as start:
        yield start


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Callable[[str], Path]:
    def write(server: str) -> Path:
        path = tmp_path / "kubeconfig"
        entry = {"cluster": "stub", "user": "stub"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stub",
            "contexts": [{"name": "stub", "context": entry}],
            "clusters": [{"name": "stub", "cluster": {"server": server}}],
            "users": [{"name": "stub", "user": {"token": "never-printed"}}],
        }
        path.write_text(json.dumps(config))
        return path

    return write
