"""What the API server, or what stands before it, answers rarely, and what is made of it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ooda.common.cluster import informer
from ooda.common.cluster.api_server import ApiServer
from ooda.common.cluster.interface import (
    Alive,
    ClusterError,
    Delta,
    Refused,
    Synced,
    Unavailable,
    WatchEvent,
)
from ooda.common.cluster.kinds import Kind
from ooda.common.settings import ClusterSettings
from servers.api_server import Handler, answering
from servers.waiting import until

Kubeconfig = Callable[[str], Path]

GONE = (410, json.dumps({"code": 410, "reason": "Expired", "message": "too old"}))
LATER = (408, "{}")
HTML = (200, "<html>")
NO_OBJECT = (200, "[]")
NO_LIST = (200, "{}")
LINES = 7
NEWEST = "panic: out of luck\n"


def page(*names: str, more: str = "") -> tuple[int, str]:
    items = [{"metadata": {"name": n, "uid": n, "resourceVersion": "1"}} for n in names]
    meta = {"resourceVersion": "1"} | ({"continue": more} if more else {})
    return 200, json.dumps({"metadata": meta, "items": items})


def added(name: str) -> tuple[int, str]:
    thing = {"metadata": {"name": name, "uid": name, "resourceVersion": "2"}}
    return 200, json.dumps({"type": "ADDED", "object": thing}) + "\n"


def error(code: int, **status: Any) -> tuple[int, str]:
    return 200, json.dumps({"type": "ERROR", "object": {"code": code} | status}) + "\n"


class Script:
    """Answers lists and watches one after another; the last one of each again and again."""

    def __init__(
        self, lists: Sequence[tuple[int, str]], watches: Sequence[tuple[int, str]] = ((200, ""),)
    ) -> None:
        self._left = {"list": list(lists), "watch": list(watches)}
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        asked = "watch" if "watch" in request.query else "list"
        self.asked.append(asked)
        left = self._left[asked]
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return web.Response(status=status, text=body, content_type="application/json")


@asynccontextmanager
async def connected(kubeconfig: Kubeconfig, handler: Handler) -> AsyncIterator[ApiServer]:
    async with (
        answering(handler) as url,
        ApiServer.connect(ClusterSettings(kubeconfig=kubeconfig(url))) as api,
    ):
        yield api


@pytest.mark.parametrize(
    ("readyz", "meaning"), [(500, Unavailable), (200, Refused), (404, Refused)]
)
async def test_who_is_refused_by_a_server_that_is_not_ready_may_ask_again(
    kubeconfig: Kubeconfig, readyz: int, meaning: type[ClusterError]
) -> None:
    """Until it has read the rights that there are it refuses everybody."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=readyz if request.path == "/readyz" else 403, text="{}")

    async with connected(kubeconfig, answer) as api:
        with pytest.raises(meaning, match="403"):
            await api.get(Kind.POD, "default", "x")


async def until_told(api: ApiServer, name: str) -> AsyncIterator[WatchEvent]:
    async for event in api.watch(Kind.POD):
        yield event
        if isinstance(event, Delta) and event.object["metadata"]["name"] == name:
            return


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        pytest.param([page("a", "b")], 1, id="one-page"),
        pytest.param([page("a", more="x"), page("b")], 2, id="two-pages"),
        pytest.param([page("a", more="x"), GONE, page("a", "b")], 3, id="token-expired-once"),
        pytest.param(
            [page("a", more="x"), GONE, page("a", more="x"), GONE, page("a", "b")], 5, id="twice"
        ),
    ],
)
async def test_a_list_is_read_to_its_end(
    kubeconfig: Kubeconfig, answers: list[tuple[int, str]], requests: int
) -> None:
    script = Script(answers)
    async with connected(kubeconfig, script.answer) as api:
        found = await api.list(Kind.POD, None)
    assert [each["metadata"]["name"] for each in found] == ["a", "b"]
    assert len(script.asked) == requests


@pytest.mark.parametrize("answer", [GONE, LATER, HTML, NO_OBJECT, NO_LIST])
async def test_what_is_no_list_is_unavailable(
    kubeconfig: Kubeconfig, answer: tuple[int, str]
) -> None:
    async with connected(kubeconfig, Script([answer]).answer) as api:
        with pytest.raises(Unavailable) as raised:
            await api.list(Kind.POD, None)
    assert type(raised.value) is Unavailable


@pytest.mark.parametrize("answer", [LATER, HTML, NO_OBJECT])
async def test_what_is_no_object_is_unavailable(
    kubeconfig: Kubeconfig, answer: tuple[int, str]
) -> None:
    async with connected(kubeconfig, Script([answer]).answer) as api:
        with pytest.raises(Unavailable):
            await api.get(Kind.POD, "default", "x")


@pytest.mark.parametrize(
    ("lists", "watches", "lists_asked"),
    [
        pytest.param([LATER, HTML, NO_OBJECT, NO_LIST, page()], [added("x")], 5, id="no-list"),
        pytest.param([page("a", more="x"), GONE, page()], [added("x")], 3, id="token-expired"),
        pytest.param([page()], [LATER, HTML, NO_OBJECT, added("x")], 1, id="no-watch"),
        pytest.param([page()], [error(500), error(404), added("x")], 1, id="errors-told"),
        pytest.param([page()], [GONE, added("x")], 2, id="expired"),
        pytest.param([page()], [error(410), added("x")], 2, id="expired-told"),
        pytest.param(
            [page()],
            [
                error(504, details={"causes": [{"reason": "ResourceVersionTooLarge"}]}),
                added("x"),
            ],
            2,
            id="from-the-future",
        ),
    ],
)
async def test_a_watch_goes_on_after(
    kubeconfig: Kubeconfig,
    monkeypatch: pytest.MonkeyPatch,
    lists: list[tuple[int, str]],
    watches: list[tuple[int, str]],
    lists_asked: int,
) -> None:
    monkeypatch.setattr(informer, "PAUSES", (0.001, 0.01))
    script = Script(lists, watches)
    async with (
        connected(kubeconfig, script.answer) as api,
        asyncio.timeout(20),
    ):
        assert [type(each) async for each in until_told(api, "x")][-1] is Delta
    assert script.asked.count("list") == lists_asked


@pytest.mark.parametrize("answer", [(200, ""), GONE, added("x"), error(410)])
async def test_a_server_that_ends_every_watch_at_once_is_asked_less_and_less_and_not_believed(
    kubeconfig: Kubeconfig, answer: tuple[int, str]
) -> None:
    script = Script([page()], [answer])
    told: list[WatchEvent] = []

    async def follow(api: ApiServer) -> None:
        async for event in api.watch(Kind.POD):
            told.append(event)  # noqa: PERF401 - it has no end

    async with connected(kubeconfig, script.answer) as api:
        began = time.monotonic()
        following = asyncio.create_task(follow(api))
        await until(lambda: script.asked.count("watch") >= 5, 30)
        following.cancel()
    shortest = informer.PAUSES[0] * 0.5
    assert time.monotonic() - began >= shortest * (1 + 2 + 4 + 8)
    assert Alive(Kind.POD) not in told
    assert Synced(Kind.POD) in told


async def test_the_newest_lines_of_a_log_are_returned_however_long_the_lines(
    kubeconfig: Kubeconfig,
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.query["tailLines"] == str(LINES)
        room = int(request.query.get("limitBytes", 1 << 40))  # the kubelet stops there
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in [b"x" * 65536] * 160 + [b"\n", NEWEST.encode()]:
            await response.write(piece[:room])
            room -= len(piece[:room])
        return response

    async with connected(kubeconfig, answer) as api:
        text = await api.logs("default", "web", "app", tail_lines=LINES, limit_bytes=1000)
    assert text.endswith("x\n" + NEWEST)
    assert len(text) == 1000
