"""What the kubelet and Prometheus ask over HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class HealthPage:
    """Live as long as it answers; ready when ``ready`` says so; the metrics."""

    def __init__(self, ready: Callable[[], bool], metrics: CollectorRegistry) -> None:
        self._ready = ready
        self._metrics = metrics

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, content_type, body = self._answer(scope["path"])
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        match path:
            case "/livez":
                return 200, "text/plain", b"ok\n"
            case "/readyz":
                return (
                    (200, "text/plain", b"ok\n")
                    if self._ready()
                    else (500, "text/plain", b"not ready\n")
                )
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(self._metrics)
            case _:
                return 404, "text/plain", b"no such page\n"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the service: it has more to finish than this page."""
        yield


@asynccontextmanager
async def serving(page: HealthPage, port: int) -> AsyncIterator[None]:
    """Serve the page on all addresses while the block runs."""
    config = uvicorn.Config(
        page, host="0.0.0.0", port=port, lifespan="off", log_config=None, access_log=False,  # noqa: S104 - the kubelet asks the Pod's address
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await running
