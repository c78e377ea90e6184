"""Metrics by the OpenTelemetry HTTP semantic conventions, for Prometheus to scrape.

The two request histograms are recorded here and in `shop.edges` themselves:
the ASGI instrumentation knows no `http.route`, and the httpx one stops its
clock at the response headers and misses calls that the deadline cuts off.
"""

import time
from collections.abc import Iterable

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.http_attributes import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS
from opentelemetry.semconv.metrics.http_metrics import (
    HTTP_CLIENT_REQUEST_DURATION,
    HTTP_SERVER_REQUEST_DURATION,
)
from prometheus_client import CollectorRegistry, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Seconds. Fine where a healthy shop is, up to the longest wait that a fault may cause.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30)
UNMEASURED_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
SERVER_ERROR = 500
CLIENT_ERROR = 400


class Telemetry:
    """The instruments of one service and the registry that they are read from."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        reader = PrometheusMetricReader(
            disable_target_info=True, scope_info_enabled=False, registry=self.registry
        )
        self._provider = MeterProvider(
            [reader], resource=Resource({"service.name": service}), shutdown_on_exit=False
        )
        self._meter = self._provider.get_meter("shop")
        self._server = self._histogram(HTTP_SERVER_REQUEST_DURATION, "of requests answered")
        self._client = self._histogram(HTTP_CLIENT_REQUEST_DURATION, "of calls made")
        self._fallbacks = self._meter.create_counter(
            "shop.fallbacks", description="answers that a fallback gave"
        )
        self._open_edges: dict[str, int] = {}
        self._meter.create_observable_gauge(
            "shop.circuit.breaker.open",
            [self._observe_edges],
            description="1 where calls are refused",
        )

    def server_request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Record a request that this service answered; route None: no such route."""
        attributes: dict[str, str | int] = {
            HTTP_REQUEST_METHOD: method,
            HTTP_RESPONSE_STATUS_CODE: status,
        }
        if route:
            attributes[HTTP_ROUTE] = route
        if status >= SERVER_ERROR:
            attributes[ERROR_TYPE] = str(status)
        self._server.record(seconds, attributes)

    def client_request(self, server: str, method: str, outcome: int | str, seconds: float) -> None:
        """Record a call to another service: its status code, or the type of its error."""
        attributes: dict[str, str | int] = {HTTP_REQUEST_METHOD: method, SERVER_ADDRESS: server}
        if isinstance(outcome, int):
            attributes[HTTP_RESPONSE_STATUS_CODE] = outcome
        if isinstance(outcome, str) or outcome >= CLIENT_ERROR:
            attributes[ERROR_TYPE] = str(outcome)
        self._client.record(seconds, attributes)

    def fallback(self, edge: str) -> None:
        """Count an answer that came from the fallback of an edge."""
        self._fallbacks.add(1, {"edge": edge})

    def edge_open(self, edge: str, *, is_open: bool) -> None:
        """Note whether an edge refuses calls."""
        self._open_edges[edge] = int(is_open)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def close(self) -> None:
        """Stop measuring."""
        self._provider.shutdown()

    def _histogram(self, name: str, what: str) -> Histogram:
        return self._meter.create_histogram(
            name,
            unit="s",
            description=f"duration {what}",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )

    def _observe_edges(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, {"edge": edge}) for edge, value in self._open_edges.items()]


class ServerMetrics:
    """ASGI middleware that records each request, by the route that served it."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and record how it went."""
        if scope["type"] != "http" or scope["path"] in UNMEASURED_PATHS:
            await self._app(scope, receive, send)
            return
        status = SERVER_ERROR
        started = time.perf_counter()

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            route = getattr(scope.get("route"), "path_format", None)
            elapsed = time.perf_counter() - started
            self._telemetry.server_request(scope["method"], route, status, elapsed)
