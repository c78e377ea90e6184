import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import cast

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.resources.core_v1 import ConfigMap, Secret
from lightkube.types import PatchType
from typing_extensions import override

from shop.kube import Kind, KubeError, KubeObjects

REQUEST_SECONDS = 3.0
# The API server ends a watch after this time; a watch that is silent for longer
# than this and the margin hangs on a dead connection.
WATCH_SECONDS = 60
WATCH_MARGIN_SECONDS = 10

_RESOURCES: Mapping[Kind, type[ConfigMap | Secret]] = {
    Kind.CONFIG_MAP: ConfigMap,
    Kind.SECRET: Secret,
}
_Events = AsyncGenerator[tuple[str, ConfigMap | Secret], None]


class LightkubeObjects(KubeObjects):
    """The cluster that the process runs in, or that KUBECONFIG names."""

    def __init__(self) -> None:
        self._client = AsyncClient(field_manager="shop", timeout=httpx2.Timeout(REQUEST_SECONDS))

    @override
    async def read(self, kind: Kind, name: str) -> Mapping[str, str]:
        try:
            return _data(await self._client.get(_RESOURCES[kind], name))
        except httpx2.HTTPError as error:
            raise KubeError(_message(error)) from error

    @override
    async def watch(self, kind: Kind, name: str) -> AsyncGenerator[Mapping[str, str], None]:
        events = self._client.watch(
            _RESOURCES[kind], fields={"metadata.name": name}, server_timeout=WATCH_SECONDS
        )
        async with aclosing(cast("_Events", events)) as stream:
            while True:
                try:
                    async with asyncio.timeout(WATCH_SECONDS + WATCH_MARGIN_SECONDS):
                        change, found = await anext(stream)
                except (httpx2.HTTPError, TimeoutError) as error:
                    raise KubeError(_message(error)) from error
                if change != "DELETED":
                    yield _data(found)

    @override
    async def write_secret(self, name: str, data: Mapping[str, str]) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        try:
            await self._client.patch(Secret, name, {"data": encoded}, patch_type=PatchType.MERGE)
        except httpx2.HTTPError as error:
            raise KubeError(_message(error)) from error

    @override
    async def close(self) -> None:
        await self._client.close()


def _data(found: ConfigMap | Secret) -> Mapping[str, str]:
    data = dict(found.data or {})
    if isinstance(found, Secret):
        return {key: base64.b64decode(value).decode() for key, value in data.items()}
    return data


def _message(error: Exception) -> str:
    if isinstance(error, ApiError):
        return str(error.status.message)
    return str(error) or type(error).__name__
