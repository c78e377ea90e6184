"""What a watch goes through: restarts, forgotten versions, connections that died without a word."""

import asyncio
import contextlib
import gc
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import AsyncGeneratorType, FunctionType, ModuleType

import pytest

from ooda.common.cluster import informer, windows
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import Alive, Delta, Refused, Synced, WatchEvent
from ooda.common.cluster.kinds import Kind
from ooda.common.settings import ClusterSettings
from servers.control_plane import ControlPlane, control_plane
from servers.waiting import until
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


@dataclass
class Wire:
    """An API server by way of a proxy, and the requests that it answered well."""

    api: ApiServer
    answered: list[Sight]

    def count(self, *, watches: bool) -> int:
        return sum(("watch=1" in each.query) is watches for each in self.answered)


@pytest.fixture
async def wired(plane: ControlPlane) -> AsyncIterator[Wire]:
    answered: list[Sight] = []

    def watch(sight: Sight) -> None:
        if sight.status == HTTPStatus.OK:
            answered.append(sight)

    async with api_wire(plane.url, plane.trust, watch) as url:
        path = plane.kubeconfig(f"wire-{uuid.uuid4().hex[:6]}", server=url)
        async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
            yield Wire(api, answered)


async def fill(api: ApiServer, namespace: str, number: int) -> None:
    """Make ConfigMaps of four kibibytes, which is much more than may be kept of each."""
    free = asyncio.Semaphore(20)

    async def create(name: str) -> None:
        meta = {"name": name, "namespace": namespace}
        async with free:
            await api.create(Kind.CONFIG_MAP, {"metadata": meta, "data": {"text": name * 1024}})

    await asyncio.gather(*(create(f"{i:04}") for i in range(number)))


def deep_size(root: object) -> int:
    """Return the bytes of an object and of all that it refers to, but for code."""
    seen: dict[int, object] = {}
    left = [root]
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, type | FunctionType | ModuleType):
            continue
        seen[id(each)] = each
        left.extend(gc.get_referents(each))
    return sum(sys.getsizeof(each) for each in seen.values())


def make(plane: ControlPlane, namespace: str, name: str) -> None:
    plane.kubectl("-n", namespace, "create", "configmap", name)


async def test_a_restarted_server_is_followed_on_by_one_request_and_no_list(
    plane: ControlPlane, namespace: str, wired: Wire
) -> None:
    following = Following(wired.api, namespace)
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
    assert wired.count(watches=False) == 1
    assert wired.count(watches=True) == 2


async def test_a_version_that_was_forgotten_leads_to_a_list_that_tells_only_differences(
    plane: ControlPlane, namespace: str
) -> None:
    for name in ("stays", "goes"):
        make(plane, namespace, name)
    async with (
        stalling_proxy(plane) as stall,
        ApiServer.connect(
            ClusterSettings(kubeconfig=plane.kubeconfig("stalling", server=stall.url))
        ) as api,
    ):
        following = Following(api, namespace)
        await following.synced()
        stall.flows.clear()
        await asyncio.to_thread(plane.kubectl, "-n", namespace, "delete", "configmap", "goes")
        await asyncio.to_thread(make, plane, namespace, "comes")
        await asyncio.to_thread(plane.stop_api_server)
        await asyncio.to_thread(plane.compact)
        await asyncio.to_thread(plane.start_api_server)
        stall.flows.set()
        await following.synced(2)
        await following.end()
    names = [each for each in following.deltas() if each[1] in ("stays", "goes", "comes")]
    assert sorted(names[2:]) == [("added", "comes"), ("deleted", "goes")]


@dataclass
class Stall:
    """A proxy that passes nothing on while it does not flow."""

    url: str = ""
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    watches: int = 0
    """Watch requests that were sent to it, passed on or not."""


@contextlib.asynccontextmanager
async def stalling_proxy(plane: ControlPlane) -> AsyncIterator[Stall]:
    stall = Stall()
    stall.flows.set()

    async with api_wire(plane.url, plane.trust, lambda _: None) as inner:
        host, _, port = inner.removeprefix("http://").partition(":")

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                onward = await asyncio.open_connection(host, int(port))

                async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                    with contextlib.suppress(OSError):
                        while data := await source.read(65536):
                            stall.watches += data.count(b"?watch=1") if source is reader else 0
                            await stall.flows.wait()
                            sink.write(data)
                            await sink.drain()
                    sink.close()

                await asyncio.gather(copy(reader, onward[1]), copy(onward[0], writer))

        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        try:
            stall.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield stall
        finally:
            server.close()


async def test_a_connection_that_died_without_a_word_is_noticed(
    plane: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informer, "WINDOW", 20.0)
    monkeypatch.setattr(windows, "GRACE", -18.0)
    async with (
        stalling_proxy(plane) as stall,
        ApiServer.connect(
            ClusterSettings(kubeconfig=plane.kubeconfig("silent", server=stall.url))
        ) as api,
    ):
        following = Following(api, namespace)
        await following.synced()
        await until(lambda: stall.watches == 1)
        stall.flows.clear()
        await asyncio.to_thread(make, plane, namespace, "unheard")
        await until(lambda: stall.watches == 2, 40)
        stall.flows.set()
        await following.until("added", "unheard")
        await following.end()


async def test_that_nothing_happened_is_confirmed_without_a_list(
    plane: ControlPlane, namespace: str, wired: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informer, "WINDOW", 2.0)
    for name in ("one", "two", "three"):
        make(plane, namespace, name)
    following = Following(wired.api, namespace)
    await following.synced()
    await until(lambda: Alive(Kind.CONFIG_MAP) in following.told, 40)
    await following.end()
    first, *others = (each for each in wired.answered if "watch=1" not in each.query)
    assert first.query == "limit=500"
    for each in others:
        path = f"{each.what.removeprefix('GET ')}?{each.query}"
        asked = await asyncio.to_thread(plane.kubectl, "get", "--raw", path)
        assert len(json.loads(asked)["items"]) == 1


async def test_an_etcd_that_was_restored_to_an_older_state_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch from a version that is not there yet is answered with silence."""
    monkeypatch.setattr(informer, "WINDOW", 4.0)
    with control_plane(tmp_path) as plane:
        await asyncio.to_thread(make, plane, "default", "stays")
        await asyncio.to_thread(plane.back_up)
        await asyncio.to_thread(plane.advance, 1000)
        async with ApiServer.connect(ClusterSettings(kubeconfig=plane.kubeconfig("back"))) as api:
            following = Following(api, "default")
            await following.synced()
            await asyncio.to_thread(make, plane, "default", "undone")
            await following.until("added", "undone")
            await asyncio.to_thread(plane.restore)
            await following.until("deleted", "undone")
            await asyncio.to_thread(make, plane, "default", "new")
            await following.until("added", "new")
            await following.end()
    assert ("deleted", "stays") not in following.deltas()


async def test_of_two_thousand_objects_an_identity_and_a_version_are_kept(
    plane: ControlPlane, namespace: str
) -> None:
    """Measure all that a watch holds on to, its listed objects included."""
    settings = ClusterSettings(kubeconfig=plane.kubeconfig("many"))
    async with ApiServer.connect(settings) as api:
        await fill(api, namespace, 2000)
        watch = api.watch(Kind.CONFIG_MAP, namespace)
        assert isinstance(watch, AsyncGeneratorType)
        async with aclosing(watch):
            while not isinstance(await anext(watch), Synced):
                pass
            frame = watch.ag_frame
            assert frame is not None
            held = dict(frame.f_locals)
    assert len(held["known"]) >= 2000
    del held["requests"]
    assert deep_size(held) < 2000 * 600


async def test_what_may_not_be_watched_is_said(plane: ControlPlane) -> None:
    path = plane.kubeconfig("stranger", token="unknown")
    async with ApiServer.connect(ClusterSettings(kubeconfig=path)) as api:
        with pytest.raises(Refused, match="401"):
            async for _ in api.watch(Kind.POD):
                pass
