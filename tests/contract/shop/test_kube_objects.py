"""What the shop relies on of the Kubernetes API: in memory, and by the real client."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import pytest
from typing_extensions import override

from servers.kube_api import KubeApi
from shop.kube import Kind, KubeError, KubeObjects, follow
from shop.kube_lightkube import LightkubeObjects
from shop.kube_memory import MemoryObjects

PLURALS = {Kind.CONFIG_MAP: "configmaps", Kind.SECRET: "secrets"}


class Cluster(Protocol):
    """A way to read objects together with a way to set them."""

    objects: KubeObjects

    async def put(self, kind: Kind, name: str, data: Mapping[str, str]) -> None: ...

    def forbid(self, kind: Kind, name: str) -> None: ...


class InMemory(Cluster):
    def __init__(self) -> None:
        self.memory = MemoryObjects()
        self.objects = self.memory

    @override
    async def put(self, kind: Kind, name: str, data: Mapping[str, str]) -> None:
        await self.memory.put(kind, name, data)

    @override
    def forbid(self, kind: Kind, name: str) -> None:
        self.memory.forbid(kind, name)


class OverHttp(Cluster):
    def __init__(self, api: KubeApi) -> None:
        self.api = api
        self.objects = LightkubeObjects()

    @override
    async def put(self, kind: Kind, name: str, data: Mapping[str, str]) -> None:
        self.api.put(PLURALS[kind], name, data)

    @override
    def forbid(self, kind: Kind, name: str) -> None:
        self.api.forbid(PLURALS[kind], name)


@pytest.fixture(params=["memory", "lightkube"])
async def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cluster]:
    if request.param == "memory":
        yield InMemory()
        return
    api: KubeApi = request.getfixturevalue("api")
    monkeypatch.setenv("KUBECONFIG", str(api.write_kubeconfig(tmp_path / "kubeconfig")))
    cluster = OverHttp(api)
    yield cluster
    await cluster.objects.close()


@pytest.mark.parametrize("kind", Kind)
async def test_an_object_is_read(cluster: Cluster, kind: Kind) -> None:
    await cluster.put(kind, "prices", {"tea": "8.90 €"})
    assert await cluster.objects.read(kind, "prices") == {"tea": "8.90 €"}


async def test_an_absent_object_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(KubeError, match='configmaps "prices" not found'):
        await cluster.objects.read(Kind.CONFIG_MAP, "prices")


async def test_a_revoked_permission_bites_at_the_next_read(cluster: Cluster) -> None:
    await cluster.put(Kind.CONFIG_MAP, "prices", {})
    await cluster.objects.read(Kind.CONFIG_MAP, "prices")
    cluster.forbid(Kind.CONFIG_MAP, "prices")
    with pytest.raises(KubeError, match='configmaps "prices" is forbidden'):
        await cluster.objects.read(Kind.CONFIG_MAP, "prices")


async def test_a_watch_gives_the_present_state_and_each_change(cluster: Cluster) -> None:
    await cluster.put(Kind.SECRET, "token", {"token": "old"})
    async with asyncio.timeout(5), aclosing(cluster.objects.watch(Kind.SECRET, "token")) as states:
        assert await anext(states) == {"token": "old"}
        await cluster.put(Kind.SECRET, "another", {"token": "x"})
        await cluster.put(Kind.SECRET, "token", {"token": "new"})
        assert await anext(states) == {"token": "new"}


async def test_a_watch_waits_for_an_object_that_is_absent(cluster: Cluster) -> None:
    async with asyncio.timeout(5), aclosing(cluster.objects.watch(Kind.SECRET, "token")) as states:
        first = asyncio.ensure_future(anext(states))
        await cluster.put(Kind.SECRET, "token", {"token": "first"})
        assert await first == {"token": "first"}


async def test_a_watch_that_is_not_allowed_is_an_error(cluster: Cluster) -> None:
    cluster.forbid(Kind.SECRET, "token")
    async with aclosing(cluster.objects.watch(Kind.SECRET, "token")) as states:
        with pytest.raises(KubeError, match=r"[Ff]orbidden"):
            await anext(states)


async def test_writing_a_secret_keeps_its_other_keys(cluster: Cluster) -> None:
    await cluster.put(Kind.SECRET, "token", {"token": "old", "note": "kept"})
    await cluster.objects.write_secret("token", {"token": "new"})
    assert await cluster.objects.read(Kind.SECRET, "token") == {"token": "new", "note": "kept"}


async def test_following_goes_on_after_the_api_server_dropped_the_watch(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api.write_kubeconfig(tmp_path / "kubeconfig")))
    kube, seen = LightkubeObjects(), asyncio.Queue[Mapping[str, str]]()
    api.put("configmaps", "switches", {"edge": "auto"})
    following = asyncio.create_task(follow(kube, Kind.CONFIG_MAP, "switches", seen.put_nowait))
    async with asyncio.timeout(5):
        assert await seen.get() == {"edge": "auto"}
        api.drop_watches()
        api.put("configmaps", "switches", {"edge": "open"})
        while await seen.get() != {"edge": "open"}:
            continue
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await kube.close()
