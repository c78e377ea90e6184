"""The configuration that the cluster gets, read by the real server."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from ooda.common.bus.connection import ask_nats
from ooda.common.settings import NatsSettings
from servers.kubectl import kustomize
from servers.nats import started

ROOT = Path(__file__).parents[3]


def rendered(kind: str, name: str) -> Any:
    for each in kustomize(ROOT / "k8s/overlays/kind"):
        if each["kind"] == kind and each["metadata"]["name"].startswith(name):
            return each
    raise AssertionError(f"no {kind} {name}")


def environment(secret: dict[str, str]) -> dict[str, str]:
    """What the kubelet makes of the container's variables."""
    made: dict[str, str] = {}
    pod = rendered("StatefulSet", "nats")["spec"]["template"]["spec"]
    for variable in pod["containers"][0]["env"]:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            made[variable["name"]] = secret[source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            made[variable["name"]] = "nats-0"
        else:
            value = variable["value"]
            for name, known in made.items():
                value = value.replace(f"$({name})", known)
            made[variable["name"]] = value
    return made


@pytest.mark.parametrize(
    "password", ["abcDEF123_-", "1234567890", "-leading-dash", "true", "0x1f", "1e5"]
)
async def test_the_server_takes_it_whatever_the_password_looks_like(
    tmp_path: Path, password: str
) -> None:
    config = rendered("ConfigMap", "nats-config")["data"]["nats.conf"]
    assert "store_dir: /data\n" in config
    path = tmp_path / "nats.conf"
    path.write_text(config.replace("store_dir: /data\n", f"store_dir: {tmp_path}\n"))
    arguments = ["--config", str(path), "-m", "-1"]
    variables = {**os.environ, **environment({"user": "ooda", "password": password})}
    with started(tmp_path, arguments, variables) as listeners:
        facts = await ask_nats(
            NatsSettings.model_validate(
                {"url": listeners["nats"], "user": "ooda", "password": password}
            ),
            timeout=5,
        )
        assert facts.streams == 0
        async with httpx.AsyncClient(base_url=listeners["monitoring"]) as kubelet:
            for probe in ("/healthz", "/healthz?js-server-only=true"):
                assert (await kubelet.get(probe)).json() == {"status": "ok"}
