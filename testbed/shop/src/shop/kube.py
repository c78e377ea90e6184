"""The few things that the shop asks of the Kubernetes API, about objects it can name.

`KubeObjects` is all that the rest of the shop knows of Kubernetes;
`shop.kube_lightkube` has the real one, `shop.kube_memory` the one for tests.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from enum import StrEnum
from typing import Protocol

import structlog

log = structlog.get_logger()

RETRY_SECONDS = 1.0


class Kind(StrEnum):
    """The kinds of object that the shop reads."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 -- a kind, not a value


class KubeError(Exception):
    """The API server refused or could not be reached; the text is its own message."""


class KubeObjects(Protocol):
    """Named ConfigMaps and Secrets of the namespace that the process runs in."""

    async def read(self, kind: Kind, name: str) -> Mapping[str, str]:
        """Return the data of one object by a fresh request.

        Raises KubeError.
        """
        ...

    def watch(self, kind: Kind, name: str) -> AsyncGenerator[Mapping[str, str], None]:
        """Yield the data of one object now and after each change; nothing if it is absent.

        Raises KubeError when the watch breaks; opening it again starts afresh.
        """
        ...

    async def write_secret(self, name: str, data: Mapping[str, str]) -> None:
        """Set keys of an existing Secret.

        Raises KubeError.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


async def follow(
    kube: KubeObjects, kind: Kind, name: str, accept: Callable[[Mapping[str, str]], None]
) -> None:
    """Hand every state of an object to `accept`, for ever; the last one stays valid meanwhile."""
    while True:
        try:
            async with aclosing(kube.watch(kind, name)) as states:
                async for data in states:
                    accept(data)
        except KubeError as error:
            log.warning("watch failed", kind=kind, object=name, reason=str(error))
        await asyncio.sleep(RETRY_SECONDS)
