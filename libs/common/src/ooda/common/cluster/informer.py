"""Follow a collection: list once, then watch, and go on from where it stopped.

A watch is asked for in windows of half a minute: the server ends each, and the next goes on from
the last resource version, which costs one request and no list. So a connection that died without a
word is noticed within a window, and what is known is confirmed (``Alive``) at least as often: by an
event, by the bookmark that comes before the end of a window, or else by asking.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from ooda.common.cluster.interface import Alive, Synced, Unavailable, WatchEvent
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.known import Known
from ooda.common.cluster.paging import list_all
from ooda.common.cluster.refusals import Expired
from ooda.common.cluster.requests import Requests
from ooda.common.cluster.windows import window

WINDOW = 25.0
"""Seconds that one watch request lasts."""

LIVED = 0.5
"""Part of its window after which a watch has lived. One that ended sooner confirms nothing,
whatever the server says, and the pauses grow."""

PAUSES = (0.1, 5.0)
"""Shortest and longest pause before the next try, seconds; doubled each time, with jitter."""


async def follow(
    requests: Requests, kind: Kind, namespace: str | None
) -> AsyncIterator[WatchEvent]:
    """Yield what ``ClusterWatcher.watch`` promises. Raises Refused, NotFound."""
    known, pauses = Known(kind), _Pauses()
    version: str | None = None
    while True:
        began: float | None = None
        try:
            if version is None:
                listed, version = await list_all(requests, kind.path(namespace))
                for delta in known.differences(listed):
                    yield delta
                listed.clear()
                yield Synced(kind)
            began = time.monotonic()
            async with aclosing(_lived(requests, kind, namespace, version)) as events:
                async for raw in events:
                    version = raw["object"]["metadata"]["resourceVersion"]
                    yield known.told(raw) or Alive(kind)
            yield Alive(kind)
            pauses.reset()
        except Expired:
            version = None
            await pauses.pause(began)
        except Unavailable:
            await pauses.pause(began)


async def _lived(
    requests: Requests, kind: Kind, namespace: str | None, version: str
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of a window; when it ends without an error, what is known is confirmed.

    A watch from a version that the server has not reached (its etcd was restored to an older state)
    is not refused: it says nothing until that version comes. A read from then on is refused.
    Raises ClusterError.
    """
    began, heard = time.monotonic(), False
    async with aclosing(window(requests, kind, namespace, version, WINDOW)) as events:
        async for raw in events:
            heard = True
            yield raw
    if time.monotonic() - began < LIVED * WINDOW:
        raise Unavailable(f"a watch of {kind.plural} ended sooner than was asked")
    if not heard:
        query = {"limit": "1", "resourceVersion": version, "resourceVersionMatch": "NotOlderThan"}
        await requests.json("GET", kind.path(namespace), query)


class _Pauses:
    """The pauses between tries: they grow until a watch has lived."""

    def __init__(self) -> None:
        self._next = PAUSES[0]

    def reset(self) -> None:
        self._next = PAUSES[0]

    async def pause(self, began: float | None) -> None:
        """Pause after a try whose watch began then, if it came so far."""
        if began is not None and time.monotonic() - began >= LIVED * WINDOW:
            self.reset()
        await asyncio.sleep(self._next * random.uniform(0.5, 1))  # noqa: S311 - spreads retries
        self._next = min(self._next * 2, PAUSES[1])
