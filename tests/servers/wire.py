"""Two proxies that see what a service is about to do, so that it can be killed right there.

A test that kills at a random time finds what it happens to find. These read what the service sends
to NATS and to the API server, and call back before a request is passed on, and again when the
answer is there and was not handed back yet: the two moments between which a crash must not lose or
double anything.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import aiohttp
from aiohttp import web

from servers.waiting import until

Moment = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Sight:
    """One request, as it was seen: a subject that is published on, or ``PATCH /apis/…``."""

    what: str
    moment: Moment
    query: str = ""
    status: int = 0
    """Of an answer of the API server."""


class Died(Exception):  # noqa: N818 - what happened to the service
    """The one who sent it is dead: nothing more is passed on."""


Watch = Callable[[Sight], None]
"""Called at each moment; raises Died to drop what was seen and to cut the connection."""


@asynccontextmanager
async def nats_wire(server: str, watch: Watch) -> AsyncIterator[str]:
    """Yield the URL of a proxy in front of a NATS server (``nats://host:port``)."""
    host, _, port = server.removeprefix("nats://").partition(":")
    clients: set[asyncio.StreamWriter] = set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_server = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        clients.add(writer)
        try:
            await _both_ways(_publishes(reader, to_server[1], watch), _copy(to_server[0], writer))
        finally:
            to_server[1].close()
            writer.close()
            clients.discard(writer)

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield f"nats://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    finally:
        proxy.close()
        for client in tuple(clients):
            client.transport.abort()
        await until(lambda: not clients)


async def _both_ways(*directions: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.create_task(each) for each in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _publishes(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, watch: Watch
) -> None:
    """Pass a client's side of the protocol on, message by message."""
    with contextlib.suppress(Died, asyncio.IncompleteReadError, ConnectionError):
        while line := await reader.readline():
            words = line.split()
            verb = words[0].upper() if words else b""
            body = b""
            if verb in (b"PUB", b"HPUB"):
                body = await reader.readexactly(int(words[-1]) + 2)
                watch(Sight(words[1].decode(), "before"))
            writer.write(line + body)
            await writer.drain()
            if body:
                watch(Sight(words[1].decode(), "after"))


@asynccontextmanager
async def api_wire(server: str, trust: ssl.SSLContext, watch: Watch) -> AsyncIterator[str]:
    """Yield the URL of a plain proxy in front of an API server (``https://host:port``)."""
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            seen = f"{request.method} {request.path}"
            headers = {
                key: value for key, value in request.headers.items() if key.lower() != "host"
            }
            try:
                watch(Sight(seen, "before", request.query_string))
                async with session.request(
                    request.method,
                    server + str(request.rel_url),
                    headers=headers,
                    data=await request.read(),
                ) as answer:
                    watch(Sight(seen, "after", request.query_string, answer.status))
                    return await _answer(request, answer)
            except (Died, aiohttp.ClientError, ConnectionError):
                if request.transport:
                    request.transport.abort()
                return web.Response(status=502)

        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/{path:.*}", forward)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def _answer(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """Hand an answer back as it comes: a watch has no end."""
    passed = web.StreamResponse(
        status=answer.status,
        headers={"Content-Type": answer.headers.get("Content-Type", "application/json")},
    )
    await passed.prepare(request)
    async for chunk in answer.content.iter_any():
        await passed.write(chunk)
    await passed.write_eof()
    return passed
