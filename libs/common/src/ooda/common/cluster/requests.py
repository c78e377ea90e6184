"""One request to the API server: its path, its deadline, and what a refusal means."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client

from ooda.common.cluster.interface import Unavailable
from ooda.common.cluster.log_tail import LogTail
from ooda.common.cluster.refusals import refusal

DEADLINE = 10.0
"""Seconds that an ordinary request may take; ours are small, and a loop has to go on."""

CONNECTING = 5.0
"""Seconds in which a connection has to be made."""

_ORDINARY = aiohttp.ClientTimeout(total=DEADLINE, connect=CONNECTING)

JSON_PATCH = "application/json-patch+json"

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
        async with self.answer(method, path, query, body, content_type, _ORDINARY) as answer:
            text = await answer.text(errors="replace")
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise Unavailable(f"{method} {path}: the answer is not what an API server answers")
        return read

    async def tail(self, path: str, query: Mapping[str, str], limit: int) -> str:
        """Return the last bytes of an answer that may be of any length. Raises ClusterError."""
        kept = LogTail(limit)
        async with self.answer("GET", path, query, None, "application/json", _ORDINARY) as answer:
            async for chunk in answer.content.iter_any():
                kept.feed(chunk)
        return kept.text()

    async def permits(self, token: str, path: str, query: Mapping[str, str]) -> bool:
        """Say whether whoever has this token may read there; what is there is not read.

        Raises Unavailable if that is not clear. A client certificate of ours would count before the
        token, so whoever asks has to have a token too, as every pod has.
        """
        what = f"GET {path} as another"
        try:
            response = await self._send(
                "GET", path, query, None, "application/json", _ORDINARY, token
            )
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Unavailable(f"{what}: the API server does not answer ({error})") from error
        response.close()
        await asyncio.sleep(
            0
        )  # what was not read to its end is closed by the loop, in its next turn
        if response.status == HTTPStatus.FORBIDDEN:
            return False
        if response.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            return True
        raise Unavailable(f"{what}: {response.status}")

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
                    told = refusal(what, response.status, await response.text(errors="replace"))
                    if response.status == HTTPStatus.FORBIDDEN and not await self._is_ready():
                        raise Unavailable(f"{told}; but the API server is not ready yet")
                    raise told
                yield response
            finally:
                response.close()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            problem = str(error) or type(error).__name__
            raise Unavailable(f"{what}: the API server does not answer ({problem})") from error

    async def _is_ready(self) -> bool:
        """Ask whether the server is ready: until then it knows nobody's rights, and refuses.

        Everybody may ask (kube-apiserver: ``--authorization-always-allow-paths``); 500 is no.
        """
        response = await self._send("GET", "/readyz", None, None, "application/json", _ORDINARY)
        response.close()
        return response.status != HTTPStatus.INTERNAL_SERVER_ERROR

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Body | None,
        content_type: str,
        patience: aiohttp.ClientTimeout,
        token: str | None = None,
    ) -> aiohttp.ClientResponse:
        said = {"Content-Type": content_type, "Accept": "application/json"}
        if token is not None:
            said["Authorization"] = f"Bearer {token}"
        _, url, headers, _, _ = await self._api.param_serialize(
            method,
            path + (f"?{urlencode(query)}" if query else ""),
            header_params=said,
            auth_settings=["BearerToken"] if token is None else [],
        )
        answer = await self._api.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=patience
        )
        response: aiohttp.ClientResponse = answer.response
        return response
