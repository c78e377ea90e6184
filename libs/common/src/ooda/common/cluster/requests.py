"""One request to the API server: its path, its deadline, and what a refusal means."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client

from ooda.common.cluster.interface import (
    ClusterError,
    Conflict,
    NotFound,
    Refused,
    Unavailable,
)

DEADLINE = 10.0
"""Seconds that an ordinary request may take; ours are small, and a loop has to go on."""

CONNECTING = 5.0
"""Seconds in which a connection has to be made."""

JSON_PATCH = "application/json-patch+json"

_FAILED_TEST = "the server rejected our request due to an error in our request"
"""All that the API server says of a JSON patch whose `test` failed; an object that is not valid is
refused with the fields' names."""


class Expired(ClusterError):  # noqa: N818 - the API server's own word
    """The resource version is too old to go on from: list again (410)."""


_MEANINGS: Mapping[int, type[ClusterError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Expired,
    HTTPStatus.TOO_MANY_REQUESTS: Unavailable,
}

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Requests:
    """Speaks HTTP with one API server, with the client's own credentials and connections."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    async def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Return the answer's JSON. Raises ClusterError."""
        answer = json.loads(await self.text(method, path, query, body, content_type))
        return answer if isinstance(answer, dict) else {}

    async def text(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content_type: str = "application/json",
    ) -> str:
        """Return the answer's text. Raises ClusterError."""
        patience = aiohttp.ClientTimeout(total=DEADLINE, connect=CONNECTING)
        async with self.answer(method, path, query, body, content_type, patience) as answer:
            return await answer.text(errors="replace")

    @asynccontextmanager
    async def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Body | None,
        content_type: str,
        patience: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield a good answer, to be read inside the block. Raises ClusterError."""
        what = f"{method} {path}"
        try:
            response = await self._send(method, path, query, body, content_type, patience)
            try:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise _error(what, response.status, await response.text(errors="replace"))
                yield response
            finally:
                response.close()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            problem = str(error) or type(error).__name__
            raise Unavailable(f"{what}: the API server does not answer ({problem})") from error

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Body | None,
        content_type: str,
        patience: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        _, url, headers, _, _ = await self._api.param_serialize(
            method,
            path + (f"?{urlencode(query)}" if query else ""),
            header_params={"Content-Type": content_type, "Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        answer = await self._api.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=patience
        )
        response: aiohttp.ClientResponse = answer.response
        return response


def _error(what: str, status: int, text: str) -> ClusterError:
    reason, message = _reason(text)
    sentence = f"{what}: {status} {message or reason}"
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and message.startswith(_FAILED_TEST):
        return Conflict(sentence)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(sentence)
    return _MEANINGS.get(status, Refused)(sentence)


def _reason(text: str) -> tuple[str, str]:
    """Return reason and message of a Status body; of anything else, its beginning."""
    try:
        status = json.loads(text)
        return str(status.get("reason", "")), str(status.get("message", ""))[:500]
    except (ValueError, AttributeError):
        return "", text[:200]
