"""Follow a collection: list once, then watch, and go on from where it stopped.

A watch is asked for in windows of half a minute: the server ends each, and the next goes on from
the last resource version, which costs one request and no list. So a connection that died without a
word is noticed within a window, and what is known is confirmed (``Alive``) at least as often.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from ooda.common.cluster.interface import Alive, Delta, Object, Synced, Unavailable, WatchEvent
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.requests import CONNECTING, Expired, Requests

WINDOW = 25
"""Seconds that one watch request lasts."""

SILENCE = WINDOW + 10
"""Seconds without a byte after which a connection is taken for dead."""

PAUSES = (0.1, 5.0)
"""Shortest and longest pause before the next try, seconds; doubled each time, with jitter."""

PAGE = 500
LINE_LIMIT = 4 * 1024 * 1024
"""Bytes of one event; an object is at most 1.5 MiB in etcd, larger as JSON."""


async def follow(
    requests: Requests, kind: Kind, namespace: str | None
) -> AsyncIterator[WatchEvent]:
    """Yield what ``ClusterWatcher.watch`` promises. Raises Refused."""
    known = Known(kind)
    version: str | None = None
    pause = PAUSES[0]
    while True:
        try:
            if version is None:
                listed, version = await _list(requests, kind, namespace)
                for delta in known.differences(listed):
                    yield delta
                listed.clear()
                yield Synced(kind)
            async for raw in _window(requests, kind, namespace, version):
                version = raw["object"]["metadata"]["resourceVersion"]
                yield known.told(raw) or Alive(kind)
                pause = PAUSES[0]
            yield Alive(kind)
            pause = PAUSES[0]
        except Expired:
            version = None
        except Unavailable:
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads retries
            pause = min(pause * 2, PAUSES[1])


class Known:
    """What was told so far, an identity and a version per object: a list then tells only news."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._told: dict[tuple[str, str], tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._told)

    def differences(self, listed: list[dict[str, Any]]) -> list[Delta]:
        """Return what changed between what was told and a list, deletions first."""
        now = {_key(each): each for each in listed}
        deltas = []
        for key, (uid, version) in tuple(self._told.items()):
            if key not in now or now[key]["metadata"]["uid"] != uid:
                del self._told[key]
                deltas.append(Delta(self._kind, "deleted", _last(key, uid, version)))
        for each in now.values():
            meta = each["metadata"]
            before = self._told.get(_key(each))
            if before == (meta["uid"], meta["resourceVersion"]):
                continue
            deltas.append(self._tell("added" if before is None else "modified", each))
        return deltas

    def told(self, raw: dict[str, Any]) -> Delta | None:
        """Return the delta of one event of a watch; None for a bookmark."""
        thing = raw["object"]
        match raw["type"]:
            case "ADDED":
                return self._tell("added", thing)
            case "MODIFIED":
                return self._tell("modified", thing)
            case "DELETED":
                self._told.pop(_key(thing), None)
                return Delta(self._kind, "deleted", _trimmed(thing))
            case _:
                return None

    def _tell(self, change: Any, thing: dict[str, Any]) -> Delta:
        meta = thing["metadata"]
        self._told[_key(thing)] = (meta["uid"], meta["resourceVersion"])
        return Delta(self._kind, change, _trimmed(thing))


async def _list(
    requests: Requests, kind: Kind, namespace: str | None
) -> tuple[list[dict[str, Any]], str]:
    query = {"limit": str(PAGE)}
    items: list[dict[str, Any]] = []
    while True:
        page = await requests.json("GET", kind.path(namespace), query)
        items += page.get("items") or []
        more = page["metadata"].get("continue")
        if not more:
            return items, page["metadata"]["resourceVersion"]
        query["continue"] = more


async def _window(
    requests: Requests, kind: Kind, namespace: str | None, version: str
) -> AsyncIterator[dict[str, Any]]:
    """Yield the events of one watch request until the server ends it. Raises ClusterError."""
    query = {
        "watch": "1",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(WINDOW),
    }
    timeout = aiohttp.ClientTimeout(total=None, connect=CONNECTING, sock_read=SILENCE)
    async with requests.answer(
        "GET", kind.path(namespace), query, None, "application/json", timeout
    ) as answer:
        async for line in _lines(answer.content):
            try:
                raw: dict[str, Any] = json.loads(line)
            except ValueError as error:
                raise Unavailable(f"watch of {kind.plural} was cut off") from error
            if raw["type"] == "ERROR":
                if raw["object"].get("code") == 410:  # noqa: PLR2004 - Gone
                    raise Expired(str(raw["object"].get("message")))
                raise Unavailable(str(raw["object"].get("message")))
            yield raw


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines of any length up to the limit; aiohttp's own reading refuses long ones."""
    held = bytearray()
    async for chunk in stream.iter_any():
        held += chunk
        if len(held) > LINE_LIMIT and b"\n" not in chunk:
            raise Unavailable("an event of a watch is larger than an object can be")
        *whole, rest = bytes(held).split(b"\n")
        held = bytearray(rest)
        for line in whole:
            if line:
                yield line


def _key(thing: Object) -> tuple[str, str]:
    meta = thing["metadata"]
    return meta.get("namespace", ""), meta["name"]


def _trimmed(thing: dict[str, Any]) -> Object:
    """Drop what is large and of no use to anybody who follows changes."""
    thing["metadata"].pop("managedFields", None)
    return thing


def _last(key: tuple[str, str], uid: str, version: str) -> Object:
    """Return all that is known of an object that was deleted while nobody was looking."""
    namespace, name = key
    meta = {"name": name, "uid": uid, "resourceVersion": version}
    return {"metadata": meta | ({"namespace": namespace} if namespace else {})}
