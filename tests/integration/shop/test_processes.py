"""Roles as the image runs them: real processes, real sockets, the environment as configuration."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from servers.kube_api import KubeApi
from servers.processes import free_port, wait_until

PRICES = (Path(__file__).parents[3] / "testbed/shop/k8s/prices.json").read_text()


@contextmanager
def running(role: str, env: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        command = [sys.executable, "-m", "shop", role]
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


class Silent:
    """A server that takes a connection and never answers."""

    def __init__(self, url: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", int(url.rpartition(":")[2])))

    def wait_for_call(self) -> None:
        self._listener.settimeout(10)
        self._connection = self._listener.accept()[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._listener.close()


@pytest.fixture
def env(api: KubeApi, tmp_path: Path) -> dict[str, str]:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "private.pem").write_bytes(private)
    (tmp_path / "public.pem").write_bytes(public)
    ports = {name: free_port() for name in ("auth", "catalog", "storefront")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    api.put("configmaps", "price-list", {"prices.json": PRICES})
    api.put("configmaps", "circuit-breakers", {})
    api.put("secrets", "service-token", {})
    return {
        "KUBECONFIG": str(api.write_kubeconfig(tmp_path / "kubeconfig")),
        "SHOP_HOST": "127.0.0.1",
        "SHOP_URLS": json.dumps(urls),
        "SHOP_AUTH_URL": urls["auth"],
        "SHOP_SIGNING_KEY_FILE": str(tmp_path / "private.pem"),
        "SHOP_VERIFICATION_KEY_FILE": str(tmp_path / "public.pem"),
        "SHOP_USERS_PASSWORD": "pw",
        "SHOP_REFRESH_SECRET": "rs",
        "CLOCK_SKEW_FILE": str(tmp_path / "skew"),
    }


def test_services_become_useful_when_the_refresh_job_has_run(
    api: KubeApi, env: dict[str, str], tmp_path: Path
) -> None:
    urls = json.loads(env["SHOP_URLS"])
    with ExitStack() as stack:
        for role, url in urls.items():
            own = {**env, "SHOP_NAME": role, "SHOP_PORT": url.rpartition(":")[2]}
            stack.enter_context(running(role, own, tmp_path / f"{role}.log"))
        for url in urls.values():
            wait_until(partial(answers, f"{url}/readyz"), url)
        products = f"{urls['storefront']}/products"
        assert httpx.get(products, trust_env=False).status_code == 502
        job = [sys.executable, "-m", "shop", "refresh-token"]
        subprocess.run(job, env={**os.environ, **env}, check=True, stdout=subprocess.DEVNULL)
        assert api.data("secrets", "service-token")["token"]
        wait_until(lambda: answers(products), "the shop with a token", seconds=1.0)
        assert (tmp_path / "skew").read_bytes() == bytes(16)
    refused = [
        json.loads(line)
        for line in (tmp_path / "storefront.log").read_text().splitlines()
        if "upstream refused the call" in line
    ]
    assert refused[0]["reason"] == "401: no token"


def test_the_refresh_job_fails_loudly_on_a_wrong_secret(
    env: dict[str, str], tmp_path: Path
) -> None:
    url = env["SHOP_AUTH_URL"]
    own = {**env, "SHOP_NAME": "auth", "SHOP_PORT": url.rpartition(":")[2]}
    with running("auth", own, tmp_path / "auth.log"):
        wait_until(lambda: answers(f"{url}/readyz"), "auth")
        job = subprocess.run(
            [sys.executable, "-m", "shop", "refresh-token"],
            env={**os.environ, **env, "SHOP_REFRESH_SECRET": "wrong"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert job.returncode == 1
    assert "401 Unauthorized" in json.loads(job.stdout.splitlines()[-1])["reason"]


def test_sigterm_lets_an_open_request_finish(env: dict[str, str], tmp_path: Path) -> None:
    """storefront waits for a catalog that is silent until after the signal."""
    urls = json.loads(env["SHOP_URLS"])
    url = urls["storefront"]
    own = {**env, "SHOP_NAME": "storefront", "SHOP_PORT": url.rpartition(":")[2]}
    with (
        running("storefront", own, tmp_path / "log") as process,
        Silent(urls["catalog"]) as catalog,
    ):
        wait_until(lambda: answers(f"{url}/readyz"), "storefront")
        asking = subprocess.Popen(
            [sys.executable, "-c", f"import httpx; print(httpx.get('{url}/products').status_code)"],
            stdout=subprocess.PIPE,
            text=True,
        )
        catalog.wait_for_call()
        process.send_signal(signal.SIGTERM)
        assert asking.communicate(timeout=10)[0].strip() == "503"
        assert process.wait(10) in (0, -signal.SIGTERM)


@pytest.mark.parametrize("arguments", [[], ["no-such-role"], ["cart", "auth"]])
def test_a_role_has_to_be_named(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "shop", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.startswith("usage: shop <role>")
