"""Calls to other services. An edge is one client calling one server.

Each edge has a deadline that covers name lookup, connecting and the whole
answer; a circuit breaker; and the client's side of the request metrics. What
to do when an edge is unavailable is the service's own business: see the
`fallback` beside each call in `shop.services`.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import httpx
import structlog

from shop import breaker
from shop.breaker import Policy
from shop.settings import EdgeSettings
from shop.switches import Switches
from shop.telemetry import CLIENT_ERROR, SERVER_ERROR, Telemetry

log = structlog.get_logger()

FALLBACK_HEADER = "X-Fallback"
UNAUTHORIZED = 401
CONNECT_SECONDS = 1.0

# The edges whose fallback had a part in the answer to the request being served.
fallbacks_used: ContextVar[list[str]] = ContextVar("fallbacks_used")


class EdgeError(Exception):
    """A call over an edge did not give an answer that can be used."""

    def __init__(self, edge: str, reason: str) -> None:
        super().__init__(f"{edge}: {reason}")
        self.edge = edge
        self.reason = reason


class EdgeUnavailableError(EdgeError):
    """The server did not answer in time, failed, or the edge is open: a fallback may stand in."""


class EdgeRefusedError(EdgeError):
    """The server answered and does not accept the call; no fallback may paper over that."""

    def __init__(self, edge: str, reason: str, status: int, challenge: str) -> None:
        super().__init__(edge, reason)
        self.status = status
        self.challenge = challenge


class Edge:
    """One client's calls to one server."""

    def __init__(
        self,
        name: str,
        http: httpx.AsyncClient,
        deadline: float,
        authorization: Callable[[], Mapping[str, str]],
        parts: "EdgeParts",
    ) -> None:
        self.name = name
        self.server = name.partition(".")[2]
        self._http = http
        self._deadline = deadline
        self._authorization = authorization
        self._parts = parts
        self._state: breaker.State = breaker.Closed()

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the server's answer, decoded from JSON (None if it has no body).

        Raises EdgeUnavailableError where a fallback may stand in, else EdgeRefusedError.
        """
        self._admit()
        request = self._http.build_request(
            method,
            path,
            json=json,
            params=params,
            headers={**self._authorization(), **(headers or {})},
        )
        answered = False
        try:
            response = await self._send(request)
            answered = response.status_code < SERVER_ERROR
        finally:
            self._settle(answered=answered)
        self._check(response)
        _remember(response.headers.get(FALLBACK_HEADER, ""))
        return response.json() if response.content else None

    def fall_back(self, error: EdgeUnavailableError) -> None:
        """Note that the answer being made uses this edge's fallback, and why."""
        log.warning("fallback used", edge=self.name, reason=error.reason)
        self._parts.telemetry.fallback(self.name)
        _remember(self.name)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _admit(self) -> None:
        if self._parts.switches.holds_open(self.name):
            self._parts.telemetry.edge_open(self.name, is_open=True)
            # An edge that is let go again starts afresh.
            self._state = breaker.Closed()
            raise EdgeUnavailableError(self.name, "circuit breaker held open by an operator")
        admitted, state = breaker.admit(self._state, time.monotonic(), self._parts.policy)
        self._move(state)
        if not admitted:
            raise EdgeUnavailableError(self.name, "circuit breaker open")

    async def _send(self, request: httpx.Request) -> httpx.Response:
        started = time.perf_counter()
        outcome: int | str = "cancelled"
        try:
            async with asyncio.timeout(self._deadline):
                response = await self._http.send(request)
            outcome = response.status_code
        except (httpx.TransportError, TimeoutError) as error:
            outcome = error_type(error)
            reason = str(error) or f"no answer within {self._deadline:g} s"
            log.warning("upstream call failed", edge=self.name, error_type=outcome, reason=reason)
            raise EdgeUnavailableError(self.name, f"{outcome}: {reason}") from error
        finally:
            elapsed = time.perf_counter() - started
            self._parts.telemetry.client_request(self.server, request.method, outcome, elapsed)
        return response

    def _settle(self, *, answered: bool) -> None:
        if answered:
            self._move(breaker.succeeded(self._state))
        else:
            self._move(breaker.failed(self._state, time.monotonic(), self._parts.policy))

    def _move(self, state: breaker.State) -> None:
        if type(state) is not type(self._state):
            log.info("circuit breaker moved", edge=self.name, to=type(state).__name__.lower())
        self._state = state
        is_open = not isinstance(state, breaker.Closed)
        self._parts.telemetry.edge_open(self.name, is_open=is_open)

    def _check(self, response: httpx.Response) -> None:
        if response.status_code < CLIENT_ERROR:
            return
        reason = f"{response.status_code}: {_detail(response)}"
        if response.status_code >= SERVER_ERROR:
            log.warning("upstream answered with an error", edge=self.name, reason=reason)
            raise EdgeUnavailableError(self.name, reason)
        if response.status_code == UNAUTHORIZED:
            log.warning("upstream refused the call", edge=self.name, reason=reason)
        challenge = response.headers.get("WWW-Authenticate", "")
        raise EdgeRefusedError(self.name, _detail(response), response.status_code, challenge)


class EdgeParts:
    """What all edges of one service share, and the making of them."""

    def __init__(
        self,
        client: str,
        settings: EdgeSettings,
        switches: Switches,
        telemetry: Telemetry,
        authorization: Callable[[], Mapping[str, str]],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = client
        self._transport = transport
        self._urls = settings.urls
        self._authorization = authorization
        self.switches = switches
        self.telemetry = telemetry
        self.policy = Policy(settings.breaker_threshold, settings.breaker_reset_seconds)

    def edge(self, server: str, deadline: float) -> Edge:
        """Make the edge to a server; `deadline` is in seconds and covers the whole call."""
        http = httpx.AsyncClient(
            base_url=self._urls.get(server, f"http://{server}:8080"),
            timeout=httpx.Timeout(deadline, connect=min(deadline, CONNECT_SECONDS)),
            # kube-proxy balances connections, not requests: with one for each call the
            # load is even, and none goes to a pod that is leaving its Service.
            limits=httpx.Limits(max_keepalive_connections=0),
            transport=self._transport,
            trust_env=False,
            verify=False,  # noqa: S501 -- plain HTTP inside the namespace; saves loading CAs
        )
        self.telemetry.edge_open(f"{self._client}.{server}", is_open=False)
        return Edge(f"{self._client}.{server}", http, deadline, self._authorization, self)


def error_type(error: Exception) -> str:
    """Name the kind of a failure, for people and for the metric's `error.type`."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "name_resolution_error"
        cause = cause.__cause__ or cause.__context__
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__


def _remember(names: str) -> None:
    used = fallbacks_used.get([])
    used.extend(name for name in names.split(", ") if name and name not in used)


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    return str(body.get("detail", body)) if isinstance(body, dict) else str(body)
