"""What all services have in common as web applications."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shop.edges import (
    FALLBACK_HEADER,
    UNAUTHORIZED,
    Edge,
    EdgeRefusedError,
    EdgeUnavailableError,
    fallbacks_used,
)
from shop.settings import WebSettings
from shop.stores.errors import StoreUnavailableError
from shop.telemetry import ServerMetrics, Telemetry

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 5


class UnavailableError(Exception):
    """This service cannot do what it was asked at the moment; the text says why."""


def create_app(
    telemetry: Telemetry,
    *,
    edges: Sequence[Edge] = (),
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    closing: Sequence[Callable[[], Awaitable[None]]] = (),
) -> FastAPI:
    """Make an application with health, metrics and error answers.

    `background` runs while the application does; `edges` and `closing` are closed after it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_must_not_end(work())) for work in background]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for close in [*(edge.close for edge in edges), *closing]:
            await close()
        telemetry.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(FallbackHeader)
    app.add_middleware(ServerMetrics, telemetry=telemetry)
    app.add_exception_handler(UnavailableError, _unavailable)
    app.add_exception_handler(EdgeUnavailableError, _unavailable)
    app.add_exception_handler(EdgeRefusedError, _refused)
    app.add_exception_handler(StoreUnavailableError, _store_unavailable)

    # Neither asks another service: one that is down must not take its callers along.
    @app.get("/healthz")
    @app.get("/readyz")
    async def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(telemetry.exposition(), media_type="text/plain; version=1.0.0")

    return app


def serve(app: FastAPI, settings: WebSettings) -> None:
    """Serve until SIGTERM; open requests are then finished."""
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


class FallbackHeader:
    """ASGI middleware that says in a header which fallbacks an answer rests on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add the header to its answer."""
        used: list[str] = []
        outer = fallbacks_used.set(used)

        async def add_header(message: Message) -> None:
            if used and message["type"] == "http.response.start":
                header = (FALLBACK_HEADER.lower().encode(), ", ".join(used).encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        try:
            await self._app(scope, receive, add_header)
        finally:
            fallbacks_used.reset(outer)


async def _must_not_end(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("background work ended")
        raise


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse(
        {"detail": str(error)}, 503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


async def _store_unavailable(request: Request, error: Exception) -> JSONResponse:
    """Log the store's own words; a client need not know them."""
    log.error("store unavailable", reason=str(error))
    return await _unavailable(request, UnavailableError("the store behind this cannot be reached"))


async def _refused(_: Request, error: Exception) -> JSONResponse:
    """Pass on what concerns the caller; a refusal of this service itself is our fault."""
    if not isinstance(error, EdgeRefusedError):
        raise error
    if error.status != UNAUTHORIZED:
        return JSONResponse({"detail": error.reason}, error.status)
    if 'realm="user"' in error.challenge:
        return JSONResponse(
            {"detail": error.reason}, UNAUTHORIZED, headers={"WWW-Authenticate": error.challenge}
        )
    return JSONResponse({"detail": str(error)}, 502)
