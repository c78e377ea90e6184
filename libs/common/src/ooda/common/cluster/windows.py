"""One watch request, from its first event to its end."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp

from ooda.common.cluster.interface import Unavailable
from ooda.common.cluster.kinds import Kind
from ooda.common.cluster.refusals import Expired, meaning
from ooda.common.cluster.requests import CONNECTING, Requests

GRACE = 10.0
"""Seconds without a byte, beyond those that were asked for, that make a connection a dead one."""

LINE_LIMIT = 4 * 1024 * 1024
"""Bytes of one event; an object is at most 1.5 MiB in etcd, larger as JSON."""


async def window(
    requests: Requests, kind: Kind, namespace: str | None, version: str, seconds: float
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of one watch request until the server ends it, after so many seconds.

    Raises ClusterError.
    """
    query = {
        "watch": "1",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": f"{seconds:.0f}",
    }
    timeout = aiohttp.ClientTimeout(total=None, connect=CONNECTING, sock_read=seconds + GRACE)
    async with requests.answer(
        "GET", kind.path(namespace), query, None, "application/json", timeout
    ) as answer:
        async for line in _lines(answer.content):
            yield _event(kind, line)


def _event(kind: Kind, line: bytes) -> dict[str, Any]:
    what = f"watch of {kind.plural}"
    try:
        raw: dict[str, Any] = json.loads(line)
        change, thing = raw["type"], raw["object"]
        if change != "ERROR":
            _ = thing["metadata"]["resourceVersion"]
            return raw
        code = int(thing.get("code") or HTTPStatus.INTERNAL_SERVER_ERROR)
    except (AttributeError, KeyError, TypeError, ValueError) as broken:
        raise Unavailable(f"{what} was cut off, or is none") from broken
    error = meaning(what, code, thing)
    raise error if isinstance(error, Expired) else Unavailable(str(error))


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
