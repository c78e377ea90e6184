"""Asks Prometheus over HTTP. It is optional: without it a tool says that it could not look."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp

LIMIT = 1024 * 1024
"""Bytes of an answer that are read."""


class PrometheusUnavailableError(Exception):
    """Prometheus did not answer, or not as it should; the message says why."""


class Metrics(Protocol):
    """Answers one instant query."""

    async def query(self, expression: str) -> tuple[tuple[dict[str, str], float], ...]:
        """Return (labels, value) pairs. Raises PrometheusUnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus by its base URL."""

    url: str

    async def query(self, expression: str) -> tuple[tuple[dict[str, str], float], ...]:
        """Return (labels, value) pairs. Raises PrometheusUnavailableError."""
        url = f"{self.url.rstrip('/')}/api/v1/query"
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(url, params={"query": expression}) as response,
            ):
                if response.status != 200:  # noqa: PLR2004 - HTTP's own number
                    raise PrometheusUnavailableError(f"Prometheus answered {response.status}")
                return _vector(json.loads(await _body(response)))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PrometheusUnavailableError(
                f"Prometheus cannot be asked ({type(error).__name__})"
            ) from error


@dataclass(frozen=True, slots=True)
class NoPrometheus:
    """None is configured."""

    async def query(self, expression: str) -> tuple[tuple[dict[str, str], float], ...]:  # noqa: ARG002 - the protocol's
        """Raise PrometheusUnavailableError."""
        raise PrometheusUnavailableError("no Prometheus is configured")


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body. What is sent in chunks tells no length, so the bytes are counted."""
    body = bytearray()
    while len(body) <= LIMIT:
        part = await response.content.read(LIMIT + 1 - len(body))
        if not part:
            return bytes(body)
        body += part
    raise PrometheusUnavailableError("the answer of Prometheus is too long")


def _vector(answer: Any) -> tuple[tuple[dict[str, str], float], ...]:
    try:
        if answer["status"] != "success" or answer["data"]["resultType"] != "vector":
            raise PrometheusUnavailableError("Prometheus did not answer with a vector")
        return tuple(
            ({str(k): str(v) for k, v in each["metric"].items()}, float(each["value"][1]))
            for each in answer["data"]["result"]
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise PrometheusUnavailableError("Prometheus answered in a form of its own") from error
