"""The configuration that the cluster gets, read by the real server."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ooda.common.bus.connection import ask_nats
from ooda.common.bus.server_config import PASSWORDS_FILE, render_accounts
from ooda.common.settings import NatsSettings
from ooda.testbed.workloads.logins import NATS_LOGINS, PEOPLE, as_config
from servers.kubectl import kustomize
from servers.nats import started

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def config() -> Mapping[str, str]:
    for each in kustomize(ROOT / "k8s/overlays/kind/platform"):
        if each["kind"] == "ConfigMap" and each["metadata"]["name"].startswith("nats-config"):
            files: dict[str, str] = each["data"]
            return files
    raise AssertionError("no configuration of NATS")


@contextmanager
def server(
    folder: Path, config: Mapping[str, str], passwords: dict[str, str]
) -> Iterator[Mapping[str, str]]:
    """Start the server as the pod has it: files of the ConfigMap and of the Secret together."""
    assert "store_dir: /data\n" in config["nats.conf"]
    for name, text in {**config, PASSWORDS_FILE: as_config(passwords)}.items():
        (folder / name).write_text(text.replace("store_dir: /data\n", f"store_dir: {folder}\n"))
    arguments = ["--config", str(folder / "nats.conf"), "-m", "-1"]
    with started(folder, arguments, {**os.environ, "POD_NAME": "nats-0"}) as listeners:
        yield listeners


def login(listeners: Mapping[str, str], password: str) -> NatsSettings:
    values: dict[str, Any] = {"url": listeners["nats"], "user": "cli", "password": password}
    return NatsSettings.model_validate(values)


def test_the_accounts_are_those_of_the_topology(config: Mapping[str, str]) -> None:
    assert config["accounts.conf"] == render_accounts(PEOPLE), "run: make nats-accounts"


@pytest.mark.parametrize(
    "password", ["abcDEF123_-x", "123456789012", "-leading-dash", "0x1f00000000", "1e5000000000"]
)
async def test_the_server_takes_it_whatever_the_passwords_look_like(
    tmp_path: Path, config: Mapping[str, str], password: str
) -> None:
    passwords = {each.name: password for each in NATS_LOGINS}
    with server(tmp_path, config, passwords) as listeners:
        facts = await ask_nats(login(listeners, password), timeout=5)
        assert facts.streams == 0
        async with httpx.AsyncClient(base_url=listeners["monitoring"]) as kubelet:
            for probe in ("/healthz", "/healthz?js-server-only=true"):
                assert (await kubelet.get(probe)).json() == {"status": "ok"}
