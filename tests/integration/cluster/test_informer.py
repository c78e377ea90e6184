"""What a watch goes through: restarts, forgotten versions, connections that died without a word."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest

from ooda.common.cluster import informer
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Delta, Refused, Synced, WatchEvent
from ooda.common.cluster.kinds import Kind
from ooda.common.settings import ClusterSettings
from servers.control_plane import ControlPlane
from servers.wire import Sight, api_wire


class Following:
    """A watch in the background, with everything that it told."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        self.told: list[WatchEvent] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._follow(api, namespace))

    async def _follow(self, api: ApiServer, namespace: str) -> None:
        async for event in api.watch(Kind.CONFIG_MAP, namespace):
            self.told.append(event)
            self._news.set()

    async def until(self, change: str, name: str) -> None:
        async with asyncio.timeout(40):
            while (change, name) not in self.deltas():
                self._news.clear()
                await self._news.wait()

    async def synced(self, times: int = 1) -> None:
        async with asyncio.timeout(40):
            while sum(isinstance(each, Synced) for each in self.told) < times:
                self._news.clear()
                await self._news.wait()

    def deltas(self) -> list[tuple[str, str]]:
        return [
            (each.change, each.object["metadata"]["name"])
            for each in self.told
            if isinstance(each, Delta)
        ]

    async def end(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@pytest.fixture
def namespace(plane: ControlPlane) -> str:
    name = f"watched-{uuid.uuid4().hex[:6]}"
    plane.kubectl("create", "namespace", name)
    return name


@pytest.fixture
async def wired(plane: ControlPlane) -> AsyncIterator[tuple[ApiServer, list[str]]]:
    """Yield an API server by way of a proxy, and the requests that went through it."""
    requests: list[str] = []

    def watch(sight: Sight) -> None:
        if sight.moment == "before":
            requests.append(sight.what)

    async with api_wire(plane.url, plane.trust, watch) as url:
        path = plane.kubeconfig(f"wire-{uuid.uuid4().hex[:6]}", server=url)
        async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
            yield api, requests


def make(plane: ControlPlane, namespace: str, name: str) -> None:
    plane.kubectl("-n", namespace, "create", "configmap", name)


async def test_a_restarted_server_is_followed_on_without_a_list(
    plane: ControlPlane, namespace: str, wired: tuple[ApiServer, list[str]]
) -> None:
    api, requests = wired
    following = Following(api, namespace)
    await following.synced()
    make(plane, namespace, "before")
    await following.until("added", "before")
    await asyncio.to_thread(plane.stop_api_server)
    await asyncio.to_thread(plane.start_api_server)
    await asyncio.to_thread(make, plane, namespace, "after")
    await following.until("added", "after")
    await following.end()
    assert following.deltas() == [("added", "before"), ("added", "after")]
    assert sum(isinstance(each, Synced) for each in following.told) == 1
    assert len(requests) >= 2


async def test_a_version_that_was_forgotten_leads_to_a_list_that_tells_only_differences(
    plane: ControlPlane, namespace: str
) -> None:
    for name in ("stays", "goes"):
        make(plane, namespace, name)
    stall = asyncio.Event()
    stall.set()
    async with (
        stalling_proxy(plane, stall) as url,
        ApiServer.connect(
            ClusterSettings(kubeconfig=plane.kubeconfig("stalling", server=url))
        ) as api,
    ):
        following = Following(api, namespace)
        await following.synced()
        stall.clear()
        await asyncio.to_thread(plane.kubectl, "-n", namespace, "delete", "configmap", "goes")
        await asyncio.to_thread(make, plane, namespace, "comes")
        await asyncio.to_thread(plane.stop_api_server)
        await asyncio.to_thread(plane.compact)
        await asyncio.to_thread(plane.start_api_server)
        stall.set()
        await following.synced(2)
        await following.end()
    names = [each for each in following.deltas() if each[1] in ("stays", "goes", "comes")]
    assert sorted(names[2:]) == [("added", "comes"), ("deleted", "goes")]


@contextlib.asynccontextmanager
async def stalling_proxy(plane: ControlPlane, flows: asyncio.Event) -> AsyncIterator[str]:
    """A proxy that passes nothing on while the event is not set."""

    async with api_wire(plane.url, plane.trust, lambda _: None) as inner:
        host, _, port = inner.removeprefix("http://").partition(":")

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                onward = await asyncio.open_connection(host, int(port))

                async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                    with contextlib.suppress(OSError):
                        while data := await source.read(65536):
                            await flows.wait()
                            sink.write(data)
                            await sink.drain()
                    sink.close()

                await asyncio.gather(copy(reader, onward[1]), copy(onward[0], writer))

        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()


async def test_a_connection_that_died_without_a_word_is_noticed(
    plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informer, "WINDOW", 2)
    monkeypatch.setattr(informer, "SILENCE", 3)
    flows = asyncio.Event()
    flows.set()
    async with (
        stalling_proxy(plane, flows) as url,
        ApiServer.connect(
            ClusterSettings(kubeconfig=plane.kubeconfig("silent", server=url))
        ) as api,
    ):
        following = Following(api, namespace)
        await following.synced()
        flows.clear()
        await asyncio.to_thread(make, plane, namespace, "unheard")
        await asyncio.sleep(4)  # longer than the silence that is taken for death
        flows.set()
        await following.until("added", "unheard")
        await following.end()


async def test_what_may_not_be_watched_is_said(plane: ControlPlane) -> None:
    path = plane.kubeconfig("stranger", token="unknown")
    async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
        with pytest.raises(Refused, match="401"):
            async for _ in api.watch(Kind.POD):
                pass


async def test_a_second_list_tells_nothing_and_an_empty_one_forgets_everything() -> None:
    known = informer.Known(Kind.CONFIG_MAP)
    listed = [
        {"metadata": {"name": f"n{i}", "uid": str(i), "resourceVersion": "1"}}
        for i in range(10_000)
    ]
    assert len(known.differences(listed)) == 10_000
    assert known.differences(listed) == []
    assert len(known.differences([])) == 10_000
    assert len(known) == 0
