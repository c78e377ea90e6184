"""What the API server, or what stands in its place, can answer, and what a person is told.

The stub answers as the API server is documented to; that the real one is understood is shown
by tests/e2e/testbed/test_doctor.py on the cluster.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ooda.common.cluster.connection import ClusterFacts, ask_cluster
from ooda.common.reach import UnreachableError
from ooda.common.settings import ClusterSettings
from servers.api_server import Serve, self_signed

NAMESPACE = "/api/v1/namespaces/kube-system"
VERSION = json.dumps(
    {
        "major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitCommit": "c",
        "gitTreeState": "clean", "buildDate": "d", "goVersion": "g", "compiler": "gc",
        "platform": "linux/amd64",
    }
)  # fmt: skip
SYSTEM = json.dumps({"metadata": {"name": "kube-system", "uid": "7d1e"}})
STATUS = json.dumps({"kind": "Status", "status": "Failure"})

Kubeconfig = Callable[[str], Path]


async def refusal(kubeconfig: Path, context: str | None = None) -> str:
    with pytest.raises(UnreachableError) as refused:
        await ask_cluster(ClusterSettings(kubeconfig=kubeconfig, context=context))
    assert "never-printed" not in str(refused.value)
    return str(refused.value)


async def test_version_and_identity(serve: Serve, kubeconfig: Kubeconfig) -> None:
    address = await serve({"/version/": (200, VERSION), NAMESPACE: (200, SYSTEM)}, None)
    facts = await ask_cluster(ClusterSettings(kubeconfig=kubeconfig(address)))
    assert facts == ClusterFacts(version="v1.36.3", identity="7d1e")


@pytest.mark.parametrize(
    ("version", "namespace", "said"),
    [
        pytest.param((401, STATUS), (401, STATUS), "does not know us", id="unauthorized"),
        pytest.param((200, VERSION), (403, STATUS), "namespace kube-system", id="forbidden"),
        pytest.param((503, STATUS), (503, STATUS), "answers with status 503", id="unavailable"),
        pytest.param((200, "<html>"), (200, SYSTEM), "is no API server", id="no-json"),
        pytest.param((200, "{}"), (200, SYSTEM), "is no API server", id="other-json"),
        pytest.param((200, VERSION), (200, "{}"), "gives kube-system no UID", id="no-uid"),
    ],
)
async def test_answers_that_do_not_help(
    serve: Serve,
    kubeconfig: Kubeconfig,
    version: tuple[int, str],
    namespace: tuple[int, str],
    said: str,
) -> None:
    address = await serve({"/version/": version, NAMESPACE: namespace}, None)
    assert said in await refusal(kubeconfig(address))


async def test_a_certificate_that_nobody_signed(
    serve: Serve, kubeconfig: Kubeconfig, tmp_path: Path
) -> None:
    address = await serve({}, self_signed(tmp_path))
    assert "certificate that is not trusted" in await refusal(kubeconfig(address))


async def test_http_where_https_is_expected(serve: Serve, kubeconfig: Kubeconfig) -> None:
    address = (await serve({}, None)).replace("http://", "https://")
    assert "does not speak TLS as we do" in await refusal(kubeconfig(address))


async def test_a_connection_that_breaks_off(kubeconfig: Kubeconfig) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "broke the connection off" in await refusal(kubeconfig(f"http://127.0.0.1:{port}"))


async def test_nothing_listens(kubeconfig: Kubeconfig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert f"Nothing listens at 127.0.0.1:{port}" in await refusal(
        kubeconfig(f"https://127.0.0.1:{port}")
    )


async def test_an_unknown_host(kubeconfig: Kubeconfig) -> None:
    said = await refusal(kubeconfig("https://no-such-host.invalid:6443"))
    assert "The name no-such-host.invalid of The API server is unknown" in said


async def test_a_context_that_is_not_in_the_kubeconfig(kubeconfig: Kubeconfig) -> None:
    said = await refusal(kubeconfig("https://127.0.0.1:1"), context="elsewhere")
    assert "does not lead to a cluster" in said
    assert "elsewhere" in said


@pytest.mark.parametrize("text", ["", "{", "[]", "just words", "current-context: c"])
async def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert f"Kubeconfig {path} does not lead to a cluster" in await refusal(path)


async def test_no_kubeconfig(tmp_path: Path) -> None:
    assert "does not exist: run `make cluster`" in await refusal(tmp_path / "none")


async def test_a_list_of_kubeconfigs_of_which_one_exists(
    serve: Serve, kubeconfig: Kubeconfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = await serve({"/version/": (200, VERSION), NAMESPACE: (200, SYSTEM)}, None)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{kubeconfig(address)}")
    assert (await ask_cluster(ClusterSettings())).identity == "7d1e"


async def test_in_a_pod_without_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(UnreachableError, match="The service account of this pod"):
        await ask_cluster(ClusterSettings())
