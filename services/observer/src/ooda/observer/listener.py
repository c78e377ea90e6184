"""Read the logs that the fold asks for, the newest request of each service account."""

import asyncio

import structlog

from ooda.common.cluster.interface import ClusterError, ClusterReader
from ooda.observer.core.inputs import Heard, Listen

log = structlog.get_logger()

TAIL_LINES = 500
"""Of each container; a log of requests is long, and a client that is denied asks again."""
TOGETHER_SECONDS = 8.0
"""All logs of one account within this time; what is later is read with the next request."""


class Listener:
    """What is to be read, and what was read."""

    def __init__(self, reader: ClusterReader) -> None:
        self._reader = reader
        self._wanted: dict[tuple[str, str], Listen] = {}
        self._news = asyncio.Event()

    def want(self, listen: Listen) -> None:
        """Have logs read; a newer request for the same account takes its place."""
        self._wanted[listen.namespace, listen.account] = listen
        self._news.set()

    async def heard(self) -> Heard:
        """Return what the next logs say, when there is something to be read."""
        while True:
            while not self._wanted:
                self._news.clear()
                await self._news.wait()
            listen = self._wanted.pop(next(iter(self._wanted)))
            logs: list[tuple[str, str]] = []
            try:
                async with asyncio.timeout(TOGETHER_SECONDS):
                    await self._read(listen, logs)
            except TimeoutError:
                log.warning("logs are late", namespace=listen.namespace, account=listen.account)
            if logs:
                return Heard(listen.namespace, listen.account, tuple(logs))

    async def _read(self, listen: Listen, logs: list[tuple[str, str]]) -> None:
        for pod, container, previous in listen.containers:
            try:
                told = await self._reader.logs(
                    listen.namespace,
                    pod,
                    container,
                    previous=previous,
                    tail_lines=TAIL_LINES,
                    timestamps=True,
                )
            except ClusterError as error:
                log.info("a log cannot be read", pod=pod, container=container, error=str(error))
            else:
                logs.append((pod, told))
